// status.h - SMTP replies (RFC 5321 section 4.2), enhanced status codes (RFC 3463) and what became
// of a recipient.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rfc {

/// class.subject.detail of RFC 3463, each part 0 to 999; class 2, 4 or 5.
struct EnhancedStatus {
  int category = 4, subject = 0, detail = 0;
  std::string text() const;  ///< "4.0.0"
  bool operator==(const EnhancedStatus&) const = default;
};
/// The status at the start of a text ("5.1.1 no such user", "5.1.1"), nullopt if there is none.
std::optional<EnhancedStatus> enhanced_status(std::string_view text);

/// A whole reply: its code (200 to 599) and its lines without code, separator and line end, joined
/// by "\n".
struct SmtpReply {
  int code = 0;
  std::string text;
  bool positive() const { return code >= 200 && code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
  /// The enhanced status it begins with where its class fits the code, else X.0.0 of the code's
  /// class.
  EnhancedStatus status() const;
  /// "550 5.1.1 no such user" on one line: lines joined by a space, controls as '?', at most 1000
  /// bytes.
  std::string shown() const;
};

/// Puts reply lines together. Feed lines without their line end.
class ReplyReader {
 public:
  enum class State { more, complete, garbage };
  /// `garbage`: no three digits 200 to 599 followed by ' ', '-' or the end, or the code changes
  /// within a reply. Text over 8 KiB in one reply is dropped silently (the reply stays whole).
  State feed(std::string_view line);
  /// The reply after `complete`; the reader begins anew.
  SmtpReply take();

 private:
  SmtpReply reply_;
};

/// What became of one recipient in one attempt.
struct Outcome {
  enum class Kind { delivered, delayed, failed };
  Kind kind = Kind::delayed;
  EnhancedStatus status;
  std::string text;  ///< for people: "250 2.0.0 Ok: queued as …", "host x[1.2.3.4]:25 said: 550 …";
                     ///< printable, one line
  /// What the server replied, as SmtpReply::shown() gives it, and which host that was; empty where
  /// no server said anything.
  std::string reply = {}, host = {};
};

}  // namespace rfc
