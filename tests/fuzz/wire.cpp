// wire.cpp - message text on the wire. The first byte gives the size of the pieces.
#include "spool/wire.h"

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

namespace {
using spool::TransferEncoding;

template <typename Encoder>
std::string in_pieces(Encoder encoder, std::string_view text, std::size_t size) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    encoder.append(text.substr(0, size), out);
  encoder.finish(out);
  return out;
}

/// Checks the lines on the wire; the number of those that end the message.
std::size_t final_dots(std::string_view wire) {
  std::size_t dots = 0;
  while (!wire.empty()) {
    const auto end = wire.find("\r\n");
    require(end != std::string_view::npos, "every line ends");
    const auto line = wire.substr(0, end);
    require(line.find_first_of("\r\n") == std::string_view::npos, "no bare CR or LF comes out");
    require(line.size() <= (line.starts_with('.') ? 999U : 998U), "no line is over 998 bytes");
    require(!line.starts_with('.') || line == "." || line[1] == '.', "dots are stuffed");
    if (line == ".") ++dots;
    wire.remove_prefix(end + 2);
  }
  return dots;
}

void check_stuffer(std::string_view text, std::size_t piece) {
  const auto whole = in_pieces(spool::DotStuffer(), text, std::string::npos);
  require(in_pieces(spool::DotStuffer(), text, piece) == whole,
          "pieces make no difference on the wire");
  require(whole == ".\r\n" || whole.ends_with("\r\n.\r\n"), "the message ends with a dot");
  require(final_dots(whole) == 1, "one dot ends the message");
}

std::string quoted_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool escape = text[0] == '=';
    const bool soft = text.starts_with("=\n");
    if (!escape) out.push_back(text[0]);
    else if (!soft)
      out.push_back(static_cast<char>(base::to_number<int>(text.substr(1, 2), 16).value_or(-1)));
    text.remove_prefix(!escape ? 1 : soft ? 2 : 3);
  }
  return out;
}

void check_encoder(TransferEncoding encoding, std::string_view text, std::size_t piece) {
  const auto whole = in_pieces(spool::BodyEncoder(encoding), text, std::string::npos);
  require(in_pieces(spool::BodyEncoder(encoding), text, piece) == whole,
          "pieces make no difference");
  for (const auto line : base::split(whole, '\n')) {
    require(line.size() <= 76, "an encoded line has at most 76 characters");
    require(!line.starts_with('.') && !line.starts_with("From "), "no encoded line needs care");
    require(!line.ends_with(' ') && !line.ends_with('\t'), "no encoded line ends with a blank");
  }
  if (encoding == TransferEncoding::quoted_printable)
    require(quoted_decoded(whole) == text, "quoted-printable goes back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 100U + 1;
  const auto text = text_of(data + 1, size - 1);
  check_stuffer(text, piece);
  check_encoder(TransferEncoding::quoted_printable, text, piece);
  check_encoder(TransferEncoding::base64, text, piece);
  return 0;
}
