// mime.h - MIME messages, read and built by postbag-mime, a helper program that links GMime. It is
// started when it is first needed (GMime takes longer to load than all else that `mail` does), has
// neither files nor a network, and may die of a hostile message without the session's noticing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace reader {

/// One part of a message, in the order in which they stand.
struct MimePart {
  std::string number;       ///< "1", "1.2": as IMAP counts them; "" for the outermost, and so for a
                            ///< message that is one part
  int depth = 0;            ///< below how many multiparts or messages
  std::string type;         ///< "text/plain", lower-case
  std::string charset;      ///< as named, lower-case; may be empty
  std::string encoding;     ///< "base64", …
  std::string name;         ///< of the file, decoded, UTF-8; the sender's: see safe_name()
  std::string description;  ///< Content-Description, decoded
  bool container = false;   ///< a multipart or message/rfc822: its parts follow
  bool attachment = false;  ///< Content-Disposition says so, or it is no text and has a name
  bool shown = false;  ///< `text` is what a person reads: the best of alternatives, inline texts
  std::uint64_t size = 0;   ///< bytes when decoded
  std::uint64_t lines = 0;  ///< of decoded text
  std::string text;         ///< of a shown part: UTF-8, LF; HTML as it came; of a message in a
                            ///< message its header, not decoded
};

struct MimeMessage {
  std::vector<MimePart> parts;
  bool truncated = false;  ///< it has more parts, which are not listed
  const MimePart* find(std::string_view number) const;
};

struct Attachment {
  std::string path;     ///< to be read; for errors
  std::string name;     ///< shown to the recipient; UTF-8
  std::string type;     ///< "" : by the name's extension and the content
  std::string charset;  ///< "" : utf-8 where it is, else none
};

/// The helper process. Movable; it ends with the object.
class Mime {
 public:
  /// Nothing is started before it is used. helper: path of postbag-mime; tmp: the folder where
  /// large attachments lie while they are sent.
  explicit Mime(std::string helper, std::string tmp = "/tmp");
  /// A helper that is there already, at the other end of a socket.
  explicit Mime(base::Fd channel);
  Mime(Mime&&) noexcept;
  Mime& operator=(Mime&&) noexcept;
  ~Mime();

  /// The parts of a message (Folder::text()). A helper that died is started again at the next call.
  /// Errors: usage ("Interrupt": SIGINT came while it was at work, and it was ended; so with all
  /// calls), data (the helper died of it), unavailable (no helper), io.
  base::Result<MimeMessage> read(std::string_view message);
  /// The decoded content of one part, written to `output`. Errors: no_input (no such part), data,
  /// unavailable, io, retry.
  base::Result<> extract(std::string_view message, std::string_view number, int output);
  /// A MIME entity of a text and attachments: "MIME-Version: …\nContent-Type: …\n…\n\nbody", LF
  /// line ends, no line over 998 bytes, written to `output`. body: a file, read from its start.
  /// type: of the text ("text/plain", "text/html"). Attachments that are messages stay as they are
  /// (message/rfc822). Errors: no_input (an attachment cannot be read: `PATH: why`), unavailable,
  /// io, retry.
  base::Result<> build(int body, std::string_view type, std::span<const Attachment> attachments,
                       int output);

 private:
  base::Result<> start();
  void stop();
  base::Result<> request(std::string_view values, const std::vector<int>& descriptors);
  base::Result<std::string> reply();

  std::string helper_, tmp_ = "/tmp";
  base::Fd channel_;
  int process_ = -1;
};

/// A name of a part as the name of a file in the folder at hand: its last component, controls,
/// slashes and a leading dot or '-' replaced, at most 200 bytes; "part-1.2" where nothing is left.
std::string safe_name(const MimePart& part);

}  // namespace reader
