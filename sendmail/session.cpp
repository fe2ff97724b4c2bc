#include "sendmail/session.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "lib/base/text.h"
#include "sendmail/parameters.h"

namespace submit {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t longest_head = 256u << 20;  // an envelope in memory
constexpr std::size_t longest_command =
    12 * 1024;  // RFC 5321 wants 512; DSN and long addresses need more

/// Buffered input; replies wait until nothing more has come, so that a pipelining client gets them
/// together, but for those about DATA, which must not wait (RFC 2920 section 3.2).
class Line {
 public:
  Line(int input, int output) : input_(input), output_(output) {}

  /// The next line with its LF, or the rest before the end of input; empty at the end. Longer ones
  /// are cut, the rest dropped, and `cut` set.
  Result<std::string> read(std::size_t limit, bool& cut) {
    std::string line;
    cut = false;
    for (;;) {
      if (at_ == end_) {
        TRY_LET(more, fill());
        if (!more) return line;
      }
      const char* from = buffer_ + at_;
      const auto* newline = static_cast<const char*>(std::memchr(from, '\n', end_ - at_));
      const std::size_t count =
          newline != nullptr ? static_cast<std::size_t>(newline - from) + 1 : end_ - at_;
      const auto room = std::min(count, limit - line.size());
      if (room < count) cut = true;
      line.append(from, room);
      at_ += count;
      if (newline != nullptr) return line;
    }
  }

  /// What is there up to and with the next LF, at most `limit` bytes; empty at the end of input.
  Result<std::string_view> until_newline(std::size_t limit) {
    TRY_LET(piece, some(limit));
    const auto newline = piece.find('\n');
    if (newline == std::string_view::npos) return piece;
    at_ -= piece.size() - newline - 1;
    return piece.substr(0, newline + 1);
  }

  /// At most `limit` bytes of what is there; empty at the end of input.
  Result<std::string_view> some(std::uint64_t limit) {
    if (at_ == end_) {
      TRY_LET(more, fill());
      if (!more) return std::string_view();
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(limit, end_ - at_));
    at_ += count;
    return std::string_view(buffer_ + at_ - count, count);
  }

  void reply(std::string_view text) { replies_ += cat(text, "\r\n"); }
  Result<> send() {
    return base::write_all(output_, std::exchange(replies_, {}), "standard output");
  }

 private:
  Result<bool> fill() {
    TRY(send());
    TRY_LET(got, base::read_some(input_, buffer_, "standard input"));
    at_ = 0;
    end_ = got;
    return got > 0;
  }

  int input_, output_;
  char buffer_[16384];
  std::size_t at_ = 0, end_ = 0;
  std::string replies_;
};

/// The text between DATA and its final dot, given line by line or in pieces of long lines.
class DataText {
 public:
  explicit DataText(bool lone_lf_ends) : lone_lf_ends_(lone_lf_ends) {}

  /// What `input` yields until the end; true when the final dot has been seen and the rest is left
  /// in `input`. Only CRLF.CRLF ends the message, else a line that ends in a bare LF could smuggle
  /// a second one in (CVE-2023-51764).
  bool feed(std::string_view line, std::string& text) {
    const bool starts = std::exchange(line_starts_, false);
    if (starts && after_line_end_ && (line == ".\r\n" || (lone_lf_ends_ && line == ".\n")))
      return true;
    const bool crlf = line.ends_with("\r\n") || (line == "\n" && cr_before_);
    cr_before_ = line.ends_with('\r');
    if (starts && after_line_end_ && line.starts_with('.')) line.remove_prefix(1);
    if (line.ends_with('\n')) {
      line_starts_ = true;
      after_line_end_ = crlf || lone_lf_ends_;
    }
    text.append(line);
    return false;
  }

 private:
  bool lone_lf_ends_;
  bool line_starts_ = true, after_line_end_ = true, cr_before_ = false;
};

class Session {
 public:
  Session(const Context& context, int input, int output,
          void (*stored)(const Context&, const Stored&))
      : context_(context), line_(input, output), stored_(stored) {}

  Result<int> run() {
    line_.reply(cat("220 ", context_.site->host_name, " ESMTP postbag"));
    while (!ended_) {
      bool cut = false;
      TRY_LET(text, line_.read(longest_command, cut));
      if (!text.ends_with('\n') && !cut)
        break;  // the end of input; a command without its end is none
      if (std::exchange(first_, false)) lone_lf_ = !cut && !text.ends_with("\r\n");
      if (cut) line_.reply("500 5.5.2 Line too long");
      else if (text.find('\0') != std::string::npos) line_.reply("500 5.5.2 NUL byte");
      else TRY(command(base::trim(text)));
    }
    TRY(line_.send());
    return 0;
  }

 private:
  Result<> command(std::string_view text) {
    struct Known {
      std::string_view verb;
      Result<> (Session::*act)(std::string_view);
    };
    static constexpr Known table[] = {{"EHLO", &Session::ehlo}, {"HELO", &Session::helo},
                                      {"MAIL", &Session::mail}, {"RCPT", &Session::rcpt},
                                      {"DATA", &Session::data}, {"RSET", &Session::rset},
                                      {"NOOP", &Session::noop}, {"QUIT", &Session::quit},
                                      {"VRFY", &Session::vrfy}, {"XENTRY", &Session::xentry}};
    std::string_view rest = text;
    const auto verb = base::take(rest, ' ');
    for (const auto& [name, act] : table)
      if (base::iequals(verb, name)) return (this->*act)(base::trim(rest));
    line_.reply("500 5.5.1 Command not known");
    return {};
  }

  Result<> ehlo(std::string_view) {
    reset();
    const auto limit = context_.site->size_limit;
    line_.reply(cat("250-", context_.site->host_name));
    line_.reply("250-PIPELINING");
    line_.reply(limit == 0 ? std::string("250-SIZE") : cat("250-SIZE ", limit));
    for (const auto* word : {"250-8BITMIME", "250-SMTPUTF8", "250-DSN", "250-XENTRY"})
      line_.reply(word);
    line_.reply("250 ENHANCEDSTATUSCODES");
    return {};
  }
  Result<> helo(std::string_view) {
    reset();
    line_.reply(cat("250 ", context_.site->host_name));
    return {};
  }
  Result<> noop(std::string_view) {
    line_.reply("250 2.0.0 Ok");
    return {};
  }
  Result<> vrfy(std::string_view) {
    line_.reply("252 2.0.0 Cannot verify, but will accept");
    return {};
  }
  Result<> rset(std::string_view) {
    reset();
    line_.reply("250 2.0.0 Ok");
    return {};
  }
  Result<> quit(std::string_view) {
    line_.reply("221 2.0.0 Bye");
    ended_ = true;
    return {};
  }

  void reset() {
    sender_.reset();
    recipients_ = Recipients("");
  }

  // "FROM:<path> parameters" into the path; the words behind it stay in `text`. nullopt: refused
  // already.
  std::optional<rfc::Path> path_of(std::string_view& text, std::string_view keyword) {
    const bool named = base::istarts_with(text, keyword);
    if (named) text = base::trim(text.substr(keyword.size()));
    if (!named || text.empty()) {
      line_.reply("501 5.5.4 Syntax: MAIL FROM:<address> or RCPT TO:<address>");
      return std::nullopt;
    }
    std::size_t end = 0;
    bool quoted = false;
    for (; end < text.size() &&
           (quoted || (text[end] != '>' && (text[0] == '<' || text[end] != ' ')));
         ++end) {
      if (quoted && text[end] == '\\') ++end;
      else if (text[end] == '"') quoted = !quoted;
    }
    end = std::min(text[0] == '<' ? end + 1 : end, text.size());
    auto path = rfc::Path::parse(text.substr(0, end));
    text = base::trim(text.substr(end));
    auto state = path ? check_target(path.value()) : Result<>(path.error());
    if (state) return std::move(path).value();
    line_.reply(cat("553 5.1.3 ", base::printable(state.error().text, 400)));
    return std::nullopt;
  }

  Result<> mail(std::string_view text) {
    if (sender_) {
      line_.reply("503 5.5.1 Sender already given");
      return {};
    }
    const auto path = path_of(text, "FROM:");
    if (!path) return {};
    store::Sender sender{*path, {}, {}};
    const auto take = [&](std::string_view word) {
      return mail_parameter(word, sender, context_.site->size_limit);
    };
    if (!parameters(text, take)) return {};
    sender_ = std::move(sender);
    line_.reply("250 2.1.0 Ok");
    return {};
  }

  // Each word of `text` given to `take`; false: one was refused, and the reply is said.
  template <typename Take>
  bool parameters(std::string_view text, Take take) {
    for (const auto word : base::split(text, ' ')) {
      const std::string refusal = word.empty() ? std::string() : take(word);
      if (refusal.empty()) continue;
      line_.reply(refusal);
      return false;
    }
    return true;
  }

  Result<> rcpt(std::string_view text) {
    if (!sender_) {
      line_.reply("503 5.5.1 MAIL first");
      return {};
    }
    const auto path = path_of(text, "TO:");
    if (!path) return {};
    store::Recipient recipient;
    if (!parameters(text, [&](std::string_view word) { return rcpt_parameter(word, recipient); }))
      return {};
    const auto added =
        recipients_.add(*path, std::move(recipient.notify), std::move(recipient.orcpt));
    line_.reply(added ? "250 2.1.5 Ok"
                      : cat("553 5.1.3 ", base::printable(added.error().text, 400)));
    return {};
  }

  Result<> data(std::string_view) {
    if (!sender_ || recipients_.empty()) {
      line_.reply(!sender_ ? "503 5.5.1 MAIL first" : "554 5.5.1 No valid recipients");
      return {};
    }
    line_.reply("354 End data with <CR><LF>.<CR><LF>");
    TRY(line_.send());
    Order order;
    order.sender = std::move(*sender_);
    order.recipients = std::exchange(recipients_, Recipients(""));
    sender_.reset();
    Composer composer(context_, std::move(order));
    DataText decoder(lone_lf_);
    Result<> state;
    for (;;) {
      // Whole lines as long as they are short; a long one comes in pieces.
      TRY_LET(line, data_line());
      if (line.empty()) {
        ended_ = true;
        return {};
      }  // the end of input inside a message: nothing is queued
      std::string text;
      if (decoder.feed(line, text)) break;
      if (state) state = composer.append(text);  // after a failure the rest is read and dropped
    }
    answer(std::move(state), composer);
    // At once: until the client knows what was stored, it may have to send it again.
    return line_.send();
  }

  Result<std::string> data_line() {
    std::string line;
    while (line.size() < 8192) {
      TRY_LET(byte_run, line_.until_newline(8192 - line.size()));
      if (byte_run.empty()) return std::string();
      line.append(byte_run);
      if (line.ends_with('\n')) break;
    }
    return line;
  }

  void answer(Result<> state, Composer& composer) {
    if (state) {
      auto stored = composer.finish();
      if (stored) {
        line_.reply(cat("250 2.0.0 Ok: queued as ", stored.value().id));
        stored_(context_, stored.value());
        return;
      }
      state = std::move(stored).error();
    }
    refuse(state.error());
  }

  void refuse(const Error& error) {
    const bool permanent = error.kind == Kind::data || error.kind == Kind::usage;
    const bool too_large = error.system_error == EFBIG;
    const auto* code = !permanent ? "451 4.3.0 " : too_large ? "552 5.3.4 " : "554 5.6.0 ";
    line_.reply(cat(code, base::printable(error.text, 400)));
  }

  // The entry's envelope is parsed again: whoever connects is not to be believed, only to be
  // stored.
  Result<> xentry(std::string_view text) {
    const auto size = base::to_number<std::uint64_t>(text);
    if (!size) {
      line_.reply("501 5.5.4 Syntax: XENTRY <size>");
      return {};
    }
    line_.reply("354 Send the entry");
    TRY(line_.send());
    std::uint64_t left = *size;
    std::string head;
    while (left > 0 && head.size() < longest_head && !store::head_complete(head)) {
      TRY_LET(piece, line_.some(left));
      if (piece.empty()) {
        ended_ = true;
        return {};
      }
      head.append(piece);
      left -= piece.size();
    }
    auto stored = take_entry(head, left);
    // What a failure left unread must not be taken for commands.
    while (left > 0) {
      TRY_LET(piece, line_.some(left));
      if (piece.empty()) {
        ended_ = true;
        return {};
      }
      left -= piece.size();
    }
    if (!stored) {
      refuse(stored.error());
      return {};
    }
    line_.reply(cat("250 2.0.0 Ok: queued as ", stored.value().id));
    stored_(context_, stored.value());
    return line_.send();
  }

  // What a submission may name and no more: a `|command` or a file would be run or written with
  // this user's rights at the word of whoever speaks here.
  Result<Recipients> submitted(std::vector<store::Recipient> recipients) {
    using store::RecipientKind;
    Recipients checked("");
    for (auto& each : recipients) {
      const bool mailbox = each.kind == RecipientKind::mailbox;
      TRY_LET(path, rfc::Path::parse(each.address));
      if ((!mailbox && each.kind != RecipientKind::unqualified &&
           each.kind != RecipientKind::address) ||
          (mailbox && path.qualified()))
        return Error{Kind::data, cat(base::printable(each.address), ": no recipient to submit")};
      TRY(checked.add(path, std::move(each.notify), std::move(each.orcpt), mailbox));
    }
    return checked;
  }

  Result<Stored> take_entry(std::string_view head, std::uint64_t& left) {
    TRY_LET(entry, store::parse_entry(head));
    // Further senders come from expanding lists, and what expands is the spool's owner alone.
    if (entry.envelope.senders.size() != 1) return Error{Kind::data, "more than one sender"};
    TRY(check_target(entry.envelope.senders[0].path));
    TRY(check_parameters(entry.envelope));
    TRY_LET(recipients, submitted(std::move(entry.envelope.recipients)));
    entry.envelope.recipients = recipients.take();
    entry.envelope.uid = context_.who->uid;
    const auto limit = context_.site->size_limit;
    if (limit != 0 && entry.facts.bytes > limit)
      return Error{Kind::data, cat("message is larger than ", limit, " bytes"), EFBIG};
    if (context_.spool == nullptr) return Error{Kind::retry, context_.spool_trouble};
    TRY_LET(draft, store::Draft::create(*context_.spool, context_.clock()));
    TRY(draft.begin(entry.envelope, "", 0));
    TRY(draft.append(head.substr(entry.message_offset)));
    while (left > 0) {
      TRY_LET(piece, line_.some(left));
      if (piece.empty()) return Error{Kind::io, "standard input: the entry is cut short"};
      left -= piece.size();
      TRY(draft.append(piece));
    }
    if (draft.facts() != entry.facts)
      return Error{Kind::data, "the entry's facts do not fit its message"};
    TRY(draft.finish(""));
    TRY_LET(id, draft.commit());
    return Stored{std::string(id.text()), true, entry.facts.bytes};
  }

  const Context& context_;
  Line line_;
  void (*stored_)(const Context&, const Stored&);
  bool first_ = true, lone_lf_ = false, ended_ = false;
  std::optional<store::Sender> sender_;
  Recipients recipients_{""};
};

}  // namespace

Result<int> serve(const Context& context, int input, int output,
                  void (*stored)(const Context&, const Stored&)) {
  return Session(context, input, output, stored).run();
}

}  // namespace submit
