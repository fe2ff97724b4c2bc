#include "spool/notice.h"

#include <algorithm>
#include <chrono>

#include "lib/base/text.h"
#include "lib/rfc/date.h"
#include "lib/rfc/xtext.h"

namespace spool {

using base::cat;

namespace {

using Action = NoticeRecipient::Action;

constexpr std::uint64_t largest_returned = 50'000;  // Postfix's bounce_size_limit
constexpr std::size_t most_shown = 100;             // recipients in the text for people
constexpr std::size_t many = 1000;                  // recipients, from which on replies are cut
constexpr std::size_t longest_address = 600;
constexpr std::size_t longest_text = 700;
constexpr std::size_t longest_text_of_many = 200;
constexpr std::size_t width = 78;

// Who reads it: people with UTF-8, or fields that are ASCII (RFC 3464 section 2.1).
enum class Charset { ascii, utf8 };

/// Untrusted text on one line, with no blanks at its ends.
std::string clean(std::string_view text, std::size_t limit, Charset charset) {
  std::string line = base::printable(base::trim(text), limit);
  if (charset == Charset::ascii) std::replace_if(line.begin(), line.end(), base::eight_bit, '?');
  return line;
}

bool ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), base::eight_bit);
}

/// `text` with '-' for all but letters, digits and `marks`.
std::string restricted(std::string_view text, std::string_view marks) {
  std::string out(text.substr(0, 255));
  const auto stray = [&](char c) {
    return !base::alpha(c) && !base::digit(c) && marks.find(c) == std::string_view::npos;
  };
  std::replace_if(out.begin(), out.end(), stray, '-');
  return out;
}

/// A host's name as a domain or an address literal may look.
std::string host(std::string_view name) {
  return name.empty() ? "localhost" : restricted(name, "-_.:[]");
}

/// A message identifier fit for a field, else nothing.
std::string_view identifier(std::string_view id) {
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return plain && id.size() > 2 && id.size() <= 900 && id.front() == '<' && id.back() == '>'
             ? id
             : std::string_view();
}

/// `first`, then the words of `text`, in lines of `width` where words allow; further lines begin
/// with blanks, so that none of them can pass for a field or a boundary.
std::string wrapped(std::string_view first, std::string_view text) {
  std::string out(first);
  std::size_t column = first.size();
  while (!text.empty()) {
    const auto word = base::take(text, ' ');
    if (word.empty()) continue;
    const bool fits = column + 1 + word.size() <= width;
    out += fits ? " " : "\n    ";
    out += word;
    column = fits ? column + 1 + word.size() : 4 + word.size();
  }
  return out + "\n";
}

/// "5 days", "4 hours", "20 minutes".
std::string duration(base::Time from, base::Time until) {
  const auto minutes =
      std::max<std::int64_t>(std::chrono::floor<std::chrono::minutes>(until - from).count(), 0);
  const auto counted = [](std::int64_t number, std::string_view unit) {
    return cat(number, " ", unit, number == 1 ? "" : "s");
  };
  if (minutes >= 48 * 60) return counted(minutes / (24 * 60), "day");
  return minutes >= 120 ? counted(minutes / 60, "hour") : counted(minutes, "minute");
}

/// The reply alone: "550 5.1.1 …" of "host x said: 550 5.1.1 … (in reply to …)".
std::string_view reply_in(std::string_view text) {
  constexpr std::string_view mark = " said: ";
  const auto begin = text.find(mark);
  if (begin == std::string_view::npos) return text;
  text.remove_prefix(begin + mark.size());
  return text.substr(0, text.rfind(" (in reply to "));
}

std::string_view action_word(Action action) {
  switch (action) {
    case Action::failed: return "failed";
    case Action::delayed: return "delayed";
    case Action::delivered: return "delivered";
    case Action::relayed: return "relayed";
    case Action::expanded: return "expanded";
  }
  return "failed";
}

/// What happened to one recipient, for people, where the outcome's text does not say it.
std::string_view lead_word(Action action) {
  switch (action) {
    case Action::delivered: return "delivered";
    case Action::relayed: return "handed on";
    case Action::expanded: return "expanded to several addresses";
    default: return {};
  }
}

class Writer {
 public:
  explicit Writer(const Notice& notice)
      : notice_(notice),
        host_(host(notice.host_name)),
        boundary_(cat("=_", restricted(std::string_view(notice.queue_id).substr(0, 40), ""), ".",
                      micros())),
        whole_(notice.kind == Notice::Kind::failed && wanted_whole()),
        global_(needs_utf8()),
        people_(for_people()) {}

  NoticeText write() {
    header();
    part("Notification", cat("text/plain; charset=", ascii(people_) ? "us-ascii" : "utf-8"),
         !ascii(people_));
    text_ += people_;
    part("Delivery report", global_ ? "message/global-delivery-status" : "message/delivery-status",
         global_);
    status();
    original();
    return {std::move(text_), cat("\n--", boundary_, "--\n"), whole_};
  }

 private:
  // The ID names one entry of one spool and the moment is known to nobody beforehand: what was
  // written before cannot hold both.
  std::int64_t micros() const { return notice_.now.time_since_epoch().count(); }

  bool wanted_whole() const {
    // What could not be sent makes a notice that cannot be sent.
    if (std::any_of(notice_.recipients.begin(), notice_.recipients.end(), unfit)) return false;
    if (notice_.ret.empty()) return notice_.original_size <= largest_returned;
    return notice_.ret == "full";
  }

  bool needs_utf8() const {
    return !notice_.sender.ascii() ||
           std::any_of(notice_.recipients.begin(), notice_.recipients.end(),
                       [](const NoticeRecipient& each) {
                         return !ascii(each.address) || !ascii(each.original);
                       });
  }

  Charset charset() const { return global_ ? Charset::utf8 : Charset::ascii; }

  /// Whether it is the message itself that could not go: too large, or not in a form that is taken.
  static bool unfit(const NoticeRecipient& recipient) {
    constexpr rfc::EnhancedStatus statuses[] = {{5, 3, 4}, {5, 6, 3}, {5, 6, 7}};
    return std::find(std::begin(statuses), std::end(statuses), recipient.outcome.status) !=
           std::end(statuses);
  }

  std::string date(base::Time time) const {
    return rfc::date(base::seconds(time), notice_.utc_offset);
  }

  std::string qualified(std::string_view address, Charset charset) const {
    std::string shown = clean(address, longest_address, charset);
    const bool bare = shown.find('@') == std::string::npos && !shown.empty() &&
                      shown.find_first_of("|/ \"") == std::string::npos;
    return bare ? cat(shown, "@", host(notice_.domain)) : shown;
  }

  std::size_t text_limit() const {
    return notice_.recipients.size() > many ? longest_text_of_many : longest_text;
  }

  std::string_view subject() const {
    switch (notice_.kind) {
      case Notice::Kind::delayed: return "Delayed Mail (still being retried)";
      case Notice::Kind::delivered: return "Successful Mail Delivery Report";
      default: return "Undelivered Mail Returned to Sender";
    }
  }

  void header() {
    const auto id = identifier(notice_.message_id);
    const auto parent = identifier(notice_.original_message_id);
    text_ += cat("Date: ", date(notice_.now), "\n");
    text_ += cat("From: \"Mail Delivery System\" <MAILER-DAEMON@", host(notice_.domain), ">\n");
    text_ += cat("To: ", notice_.sender.qualified_with(host(notice_.domain)).text(), "\n");
    text_ += cat("Subject: ", subject(), "\n");
    if (!id.empty()) text_ += cat("Message-ID: ", id, "\n");
    if (!parent.empty()) text_ += cat("In-Reply-To: ", parent, "\nReferences: ", parent, "\n");
    if (notice_.last) text_ += cat(last_report, " yes\n");
    text_ += "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n";
    text_ += cat("Content-Type: multipart/report; report-type=",
                 global_ ? "global-delivery-status" : "delivery-status", ";\n\tboundary=\"",
                 boundary_, "\"\n");
    if (any_eight_bit()) text_ += "Content-Transfer-Encoding: 8bit\n";
    text_ += "\nThis is a MIME-encapsulated message.\n";
  }

  // RFC 2045 section 6.4: what a part is, the whole must be called too.
  bool any_eight_bit() const { return global_ || eight_bit_original() || !ascii(people_); }

  bool eight_bit_original() const {
    return notice_.eight_bit_header || (whole_ && notice_.eight_bit_body);
  }

  void part(std::string_view description, std::string_view type, bool eight_bit) {
    text_ += cat("\n--", boundary_, "\nContent-Description: ", description,
                 "\nContent-Type: ", type, "\n");
    if (eight_bit) text_ += "Content-Transfer-Encoding: 8bit\n";
    text_ += "\n";
  }

  std::string for_people() const {
    std::string text = cat("This is the mail system at host ", host_, ".\n\n", introduction());
    const auto& all = notice_.recipients;
    for (std::size_t i = 0; i < std::min(all.size(), most_shown); ++i) text += shown(all[i]);
    if (all.size() > most_shown)
      text += cat("\nand ", all.size() - most_shown, " more, which the delivery report names.\n");
    return text;
  }

  std::string introduction() const {
    const bool one = notice_.recipients.size() == 1;
    const std::string_view who = one ? "this recipient" : "these recipients";
    const std::string_view attached = whole_ ? "It is attached" : "Its header is attached";
    if (notice_.kind == Notice::Kind::failed)
      return cat("I'm sorry: your message could not be delivered to ", who, ",\n",
                 "and it will not be tried again. ", attached, " below.\n");
    if (notice_.kind == Notice::Kind::delivered)
      return cat("Your message reached ", who, ", or the last mail system that\n", "reports back. ",
                 attached, " below.\n");
    return cat("Your message, sent ", duration(notice_.arrival, notice_.now),
               " ago, could not be delivered to\n", who,
               " yet. You need not send it again: ", "it is being tried until\n",
               date(notice_.retry_until), ". ", attached, " below.\n");
  }

  std::string shown(const NoticeRecipient& recipient) const {
    const auto address = qualified(recipient.address, Charset::utf8);
    const auto original = qualified(recipient.original, Charset::utf8);
    const auto happened =
        recipient.expired
            ? cat("given up after ", duration(notice_.arrival, notice_.now), "; the last problem")
            : std::string(lead_word(recipient.action));
    const auto said = clean(recipient.outcome.text, longest_text, Charset::utf8);
    const auto words = cat(happened, happened.empty() || said.empty() ? "" : ": ", said);
    if (original.empty() || original == address)
      return cat("\n", wrapped(cat("<", address, ">:"), words));
    return cat("\n<", address, ">\n", wrapped(cat("    (given as <", original, ">):"), words));
  }

  void field(std::string_view name, std::string_view text) {
    if (!text.empty()) text_ += cat(name, ": ", text, "\n");
  }

  void status() {
    text_ += cat("Reporting-MTA: dns; ", host_, "\n");
    field("X-Postbag-Queue-ID", clean(notice_.queue_id, 40, Charset::ascii));
    text_ +=
        cat("X-Postbag-Sender: ", typed(notice_.sender.qualified_with(host(notice_.domain)).text()),
            "\n");
    const auto envid = rfc::from_xtext(notice_.envid);
    field("Original-Envelope-Id",
          clean(envid ? *envid : notice_.envid, longest_address, Charset::ascii));
    text_ += cat("Arrival-Date: ", date(notice_.arrival), "\n");
    for (const auto& recipient : notice_.recipients) status_of(recipient);
  }

  void status_of(const NoticeRecipient& recipient) {
    text_ += "\n";
    original_recipient(recipient);
    text_ += cat("Final-Recipient: ", typed(qualified(recipient.address, charset())), "\n");
    text_ += cat("Action: ", action_word(recipient.action),
                 "\nStatus: ", recipient.outcome.status.text(), "\n");
    const bool remote = !recipient.remote_mta.empty();
    if (remote) text_ += cat("Remote-MTA: dns; ", host(recipient.remote_mta), "\n");
    const auto said = remote ? reply_in(recipient.outcome.text) : recipient.outcome.text;
    const auto diagnostic = clean(said, text_limit(), charset());
    if (!diagnostic.empty())
      text_ +=
          wrapped(remote ? "Diagnostic-Code: smtp;" : "Diagnostic-Code: X-Postbag;", diagnostic);
    text_ += cat("Last-Attempt-Date: ", date(notice_.now), "\n");
    if (recipient.action == Action::delayed)
      text_ += cat("Will-Retry-Until: ", date(notice_.retry_until), "\n");
  }

  /// An address with its type (RFC 3464 section 2.1.2, RFC 6533 section 3).
  static std::string typed(std::string_view address) {
    return cat(ascii(address) ? "rfc822; " : "utf-8; ", address);
  }

  // What ORCPT says, decoded (RFC 3461 section 6.3), else what was submitted if that differs.
  void original_recipient(const NoticeRecipient& recipient) {
    std::string_view rest = recipient.orcpt;
    const auto type = base::take(rest, ';');
    const bool atom =
        !type.empty() && type.size() <= 40 && std::all_of(type.begin(), type.end(), [](char c) {
          return base::alpha(c) || base::digit(c) || c == '-';
        });
    if (atom && !rest.empty()) {
      const auto plain = rfc::from_xtext(rest);
      // Bytes that the field cannot hold stay encoded.
      const bool fits = plain && std::all_of(plain->begin(), plain->end(), [](char c) {
                          return !base::control(c) && !base::eight_bit(c);
                        });
      const auto address =
          clean(fits ? *plain : std::string(rest), longest_address, Charset::ascii);
      text_ += cat("Original-Recipient: ", type, "; ", address, "\n");
      return;
    }
    const auto original = qualified(recipient.original, charset());
    if (!original.empty() && original != qualified(recipient.address, charset()))
      text_ += cat("Original-Recipient: ", typed(original), "\n");
  }

  void original() {
    const std::string_view type =
        whole_ ? (global_ ? "message/global" : "message/rfc822")
               : (global_ ? "message/global-headers" : "text/rfc822-headers");
    const std::string_view what = notice_.kind == Notice::Kind::failed ? "Undelivered" : "Reported";
    part(cat(what, whole_ ? " Message" : " Message Headers"), type, eight_bit_original());
  }

  const Notice& notice_;
  std::string host_, boundary_;
  bool whole_, global_;
  std::string people_;  // the text for people
  std::string text_;
};

}  // namespace

NoticeText notice_text(const Notice& notice) { return Writer(notice).write(); }

}  // namespace spool
