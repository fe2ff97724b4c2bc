// mime_wire.h - what `mail` and postbag-mime say to each other. A request is a packet of a
// SOCK_SEQPACKET socket with its descriptors; the answer is another. What is long lies in unnamed
// files that travel with the request, so neither side waits for the other to read.
//
// Neither believes the other: numbers and lengths are checked against what is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace reader {

/// One packet: at most 64 KiB of values, and descriptors.
struct Packet {
  std::string values;
  std::vector<base::Fd> descriptors;
};
constexpr std::size_t packet_limit = 65536;
constexpr std::size_t packet_descriptors = 3;

// The first value of a request. Behind it:
constexpr std::uint64_t ask_read = 1;        ///< descriptors: message, answer
constexpr std::uint64_t ask_extract = 2;     ///< number; descriptors: message, output
constexpr std::uint64_t ask_build = 3;       ///< entities; an entity; descriptors: content, output
constexpr std::uint64_t ask_attachment = 4;  ///< an entity; descriptor: content
// The answer: 0 or an Error's kind; the Error's text, or for ask_read where in `answer` the list of
// parts begins (their number, whether there are more, then each), which lies behind the texts it
// names.

/// Writes values: numbers, texts with their length before them.
class WireWriter {
 public:
  WireWriter& number(std::uint64_t value);
  WireWriter& text(std::string_view value);
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads them. What is not there is nullopt, and so is everything behind it.
class WireReader {
 public:
  explicit WireReader(std::string_view values) : rest_(values) {}
  std::optional<std::uint64_t> number();
  std::optional<std::string_view> text();

 private:
  std::string_view rest_;
};

/// Send a packet. Errors: io (the other side has gone), retry.
base::Result<> send_packet(int channel, std::string_view values,
                           const std::vector<int>& descriptors);
/// The next packet, for which it waits; nullopt when the other side has gone. Errors: io.
base::Result<std::optional<Packet>> receive_packet(int channel);

/// A part of a message on its way out.
struct Entity {
  std::string type;         ///< "text/plain", with parameters if it has some
  std::string charset;      ///< empty: none
  std::string encoding;     ///< "7bit", "8bit", "quoted-printable", "base64"
  std::string name;         ///< of an attachment; UTF-8
  bool attachment = false;  ///< Content-Disposition: attachment
  bool encoded = false;     ///< the content is encoded already
};
void append_entity(const Entity& entity, WireWriter& out);
std::optional<Entity> read_entity(WireReader& in);

}  // namespace reader
