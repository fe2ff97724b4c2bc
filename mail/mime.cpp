#include "mail/mime.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "lib/base/process.h"
#include "lib/base/text.h"
#include "mail/flowed.h"
#include "mail/mime_wire.h"
#include "mail/terminal.h"
#include "mail/waiting.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {
// The helper limits its own processor time; this is for one that has been taken over.
constexpr std::chrono::seconds patience{600};

Result<base::Fd> unnamed_file(const char* name) {
  base::Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return base::system_error(name, "memfd_create", errno);
  return file;
}

Result<base::Fd> file_of(std::string_view message) {
  TRY_LET(file, unnamed_file("message"));
  TRY(base::write_all(file.number(), message, "message"));
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

// In a session of its own: an interrupt typed at the terminal is not for it.
[[noreturn]] void become_helper(const std::string& helper, int channel) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  if (::dup2(channel, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0) ::_exit(71);
  ::close_range(3, ~0U, 0);
  (void)base::exec(helper, {"postbag-mime"}, {"LC_ALL=C"});
  ::_exit(69);
}

Error died() {
  return {Kind::data, "the message could not be taken apart (the MIME helper died of it)"};
}

// The helper has read the mail of strangers: what it says is believed no more than that.
Error error_of(std::uint64_t kind, std::string_view text) {
  constexpr Kind kinds[] = {Kind::data, Kind::no_input, Kind::io, Kind::retry, Kind::software};
  const auto known = std::find_if(std::begin(kinds), std::end(kinds), [&](Kind candidate) {
    return static_cast<std::uint64_t>(candidate) == kind;
  });
  return {known == std::end(kinds) ? Kind::data : *known, base::printable(text, 200)};
}

// The answer to a request for the parts: texts, and the list of parts behind them.
class AnswerReader {
 public:
  AnswerReader(int file, std::uint64_t size) : file_(file), size_(size), texts_left_(size) {}

  Result<MimeMessage> read(std::uint64_t start) {
    if (start > size_) return died();
    TRY_LET(list, at(start, size_ - start));
    WireReader values(list);
    const auto count = values.number(), truncated = values.number();
    MimeMessage message;
    message.truncated = truncated.value_or(1) != 0;
    for (std::uint64_t i = 0; count && i < *count; ++i) {
      TRY_LET(part, next(values));
      message.parts.push_back(std::move(part));
    }
    return message;
  }

 private:
  Result<MimePart> next(WireReader& in) {
    MimePart part;
    const auto number = in.text();
    const auto depth = in.number();
    const auto type = in.text(), charset = in.text(), encoding = in.text(), name = in.text(),
               description = in.text();
    const auto container = in.number(), attachment = in.number(), shown = in.number();
    const auto size = in.number(), lines = in.number(), offset = in.number(), length = in.number();
    const auto flowed = in.number(), delsp = in.number();
    if (!delsp) return died();
    part.number = base::printable(*number, 1000);
    part.depth = static_cast<int>(std::min<std::uint64_t>(*depth, 1000));
    part.type = base::lowered(from_charset(*type, "utf-8"));
    part.charset = base::lowered(from_charset(*charset, "utf-8"));
    part.encoding = base::lowered(from_charset(*encoding, "utf-8"));
    part.name = from_charset(*name, {});
    part.description = from_charset(*description, {});
    part.container = *container != 0;
    part.attachment = *attachment != 0;
    part.shown = *shown != 0;
    part.size = *size;
    part.lines = *lines;
    if (!part.shown) return part;
    if (*offset > size_ || *length > std::min(size_ - *offset, texts_left_)) return died();
    texts_left_ -= *length;
    TRY_LET(raw, at(*offset, *length));
    part.text = text_of(std::move(raw), part);
    if (*flowed != 0 && part.type == "text/plain") part.text = unflowed(part.text, *delsp != 0);
    return part;
  }

  // UTF-8, LF.
  static std::string text_of(std::string raw, const MimePart& part) {
    if (part.container) return raw;  // a header: its words are decoded when it is shown
    std::string text = from_charset(raw, part.charset);
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    if (text.find('\r') == std::string::npos) return text;
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out.push_back(text[i]);
    return out;
  }

  Result<std::string> at(std::uint64_t offset, std::uint64_t length) const {
    std::string bytes(length, '\0');
    TRY_LET(read, base::read_at(file_, bytes, offset, "answer of the MIME helper"));
    if (read != length) return died();
    return bytes;
  }

  int file_;
  std::uint64_t size_, texts_left_;
};
}  // namespace

const MimePart* MimeMessage::find(std::string_view number) const {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [&](const MimePart& part) { return part.number == number; });
  return found == parts.end() ? nullptr : &*found;
}

Mime::Mime(std::string helper, std::string tmp)
    : helper_(std::move(helper)), tmp_(std::move(tmp)) {}
Mime::Mime(base::Fd channel) : channel_(std::move(channel)) {}
Mime::Mime(Mime&& other) noexcept
    : helper_(std::move(other.helper_)),
      tmp_(std::move(other.tmp_)),
      channel_(std::move(other.channel_)),
      process_(std::exchange(other.process_, -1)) {}
Mime& Mime::operator=(Mime&& other) noexcept {
  if (this == &other) return *this;
  stop();
  helper_ = std::move(other.helper_);
  tmp_ = std::move(other.tmp_);
  channel_ = std::move(other.channel_);
  process_ = std::exchange(other.process_, -1);
  return *this;
}
Mime::~Mime() { stop(); }

void Mime::stop() {
  channel_.reset();
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);  // it holds nothing that could be lost
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
  process_ = -1;
}

Result<> Mime::start() {
  if (channel_) return {};
  if (helper_.empty() || ::access(helper_.c_str(), X_OK) != 0)
    return base::system_error(Kind::unavailable, helper_.empty() ? "postbag-mime" : helper_,
                              "start", ENOENT);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return base::system_error("MIME helper", "socketpair", errno);
  base::Fd ours(ends[0]), theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return base::system_error("MIME helper", "fork", errno);
  if (child == 0) become_helper(helper_, theirs.number());
  process_ = child;
  channel_ = std::move(ours);
  return {};
}

Result<> Mime::request(std::string_view values, const std::vector<int>& descriptors) {
  TRY(start());
  if (send_packet(channel_.number(), values, descriptors)) return {};
  // It may have died since the last request, which had its answer.
  stop();
  TRY(start());
  return send_packet(channel_.number(), values, descriptors);
}

Result<std::string> Mime::reply() {
  std::array<pollfd, 1> waiting{pollfd{channel_.number(), POLLIN, 0}};
  const auto waited = wait_for(waiting, std::chrono::steady_clock::now() + patience);
  if (waited == Waited::interrupted) {
    stop();
    return Error{Kind::usage, "Interrupt"};
  }
  if (waited == Waited::late) {
    stop();
    return died();
  }
  auto received = receive_packet(channel_.number());
  if (!received || !received.value()) {
    stop();
    return died();
  }
  WireReader values(received.value()->values);
  const auto kind = values.number();
  const auto text = values.text();
  if (!text) {
    stop();
    return died();
  }
  if (*kind != 0) return error_of(*kind, *text);
  return std::string(*text);
}

Result<MimeMessage> Mime::read(std::string_view message) {
  if (message.empty()) {
    MimeMessage empty;
    empty.parts.emplace_back();
    empty.parts[0].type = "text/plain";
    empty.parts[0].shown = true;
    return empty;
  }
  TRY_LET(file, file_of(message));
  TRY_LET(answer, unnamed_file("answer"));
  TRY(request(WireWriter().number(ask_read).take(), {file.number(), answer.number()}));
  TRY_LET(text, reply());
  WireReader values(text);
  const auto start = values.number();
  struct stat status {};
  if (!start || ::fstat(answer.number(), &status) != 0) return died();
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // Nothing that is decoded grows, and a part's description is shorter than what it describes.
  if (size > 16'000'000 + 16 * message.size()) return died();
  return AnswerReader(answer.number(), size).read(*start);
}

Result<> Mime::extract(std::string_view message, std::string_view number, int output) {
  if (message.empty() && number.empty()) return {};
  TRY_LET(file, file_of(message));
  TRY(request(WireWriter().number(ask_extract).text(number).take(), {file.number(), output}));
  TRY(reply());
  return {};
}

std::string safe_name(const MimePart& part) {
  constexpr std::size_t longest = 200;
  std::string_view name = part.name;
  name.remove_prefix(std::min(name.size(), name.find_last_of("/\\") + 1));
  std::string safe;
  for (const char c : displayable(base::trim(name))) safe.push_back(c == '/' ? '_' : c);
  if (safe.size() > longest) {
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xc0) == 0x80) --end;
    safe.resize(end);
  }
  if (!safe.empty() && (safe[0] == '.' || safe[0] == '-')) safe[0] = '_';
  if (!safe.empty() && safe != "_") return safe;
  return part.number.empty() ? "part" : cat("part-", part.number);
}

}  // namespace reader
