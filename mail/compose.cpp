#include "mail/compose.h"

#include <unistd.h>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/composition.h"
#include "mail/dead_letter.h"
#include "mail/farewell.h"
#include "mail/outgoing.h"

namespace reader {

namespace {

using base::cat;
using base::Result;

constexpr int patience = 25;

class Composer {
 public:
  Composer(Session& session, Letter& letter, const std::vector<std::size_t>& current)
      : session_(session),
        composition_{session, letter, current},
        person_(session.input->person()),
        escapes_(person_ || session.escapes) {}

  Result<Composed> run() {
    const Farewell farewell;
    if (person_ && !ask_before()) return aborted();
    TRY(lines());
    if (given_up_) return Composed::aborted;
    if (person_ && !ask_behind()) return aborted();
    if (Farewell::came()) gone();
    TRY_LET(empty, composition_.empty());
    return empty ? Composed::empty : Composed::ready;
  }

 private:
  // The terminal is gone, or the machine is going, perhaps while an editor ran: what was typed is
  // kept, as it is where there is no room for more.
  Result<> lines() {
    while (going_on_) {
      if (Farewell::came()) gone();
      const auto line = session_.input->read_text();
      if (Farewell::came()) gone();
      if (auto done = one_line(line); !done) {
        TRY(keep());
        return done;
      }
    }
    return {};
  }

  bool is_set(std::string_view name) const { return session_.variables.is_set(name); }

  // A subject that is given is not asked for.
  bool ask_before() {
    Letter& letter = composition_.letter;
    const bool asks = is_set("asksub") || is_set("ask");
    if (asks && letter.subject.empty() && !ask_subject(session_, "Subject: ", letter.subject))
      return false;
    return true;
  }

  bool ask_behind() {
    Letter& letter = composition_.letter;
    const bool cc = is_set("askcc"), bcc = is_set("askbcc");
    if (!cc && !bcc) base::print("EOT\n");
    if (cc && !ask_addresses(session_, "Cc: ", letter.cc)) return false;
    return !bcc || ask_addresses(session_, "Bcc: ", letter.bcc);
  }

  Result<> one_line(const Line& line) {
    switch (line.kind) {
      case Line::Kind::interrupted: return interrupted();
      case Line::Kind::end: return ended();
      case Line::Kind::text: break;
    }
    interrupts_ = ends_ = 0;
    const bool dot_ends = escapes_ && (is_set("dot") || is_set("ignoreeof"));
    if (dot_ends && line.text == ".") {
      going_on_ = false;
      return {};
    }
    const auto* character = session_.variables.find("escape");
    const auto escape =
        escapes_ ? parse_escape(line.text, character == nullptr ? "~" : *character) : std::nullopt;
    if (!escape) return composition_.append(cat(line.text, "\n"));
    if (escape->letter == '~') return composition_.append(cat(line.text.substr(1), "\n"));
    return escaped(*escape);
  }

  Result<> escaped(const Escape& escape) {
    const auto after = run_escape(composition_, escape);
    if (!after) {
      base::flush_output();
      base::complain(after.error().text);
      return {};
    }
    switch (after.value()) {
      case After::go_on: break;
      case After::say_continue: base::print("(continue)\n"); break;
      case After::finish: going_on_ = false; break;
      case After::keep:
        base::print("Interrupt\n");
        give_up();
        return keep();
      case After::discard: give_up(); break;
    }
    return {};
  }

  Result<> interrupted() {
    if (is_set("ignore")) {
      base::print("@\n");
      return {};
    }
    if (++interrupts_ < 2) {
      base::print("\n(Interrupt -- one more to kill letter)\n");
      return {};
    }
    base::print("\n");
    give_up();
    return keep();
  }

  Result<> ended() {
    if (!person_ || !is_set("ignoreeof")) {
      going_on_ = false;
      return {};
    }
    // A terminal that has gone ends for ever.
    if (++ends_ == patience) {
      give_up();
      return keep();
    }
    base::print("Use \".\" to terminate letter\n");
    return {};
  }

  void give_up() {
    given_up_ = true;
    going_on_ = false;
  }

  [[noreturn]] void gone() {
    (void)keep();
    Farewell::die();
  }

  Result<Composed> aborted() {
    if (Farewell::came()) gone();
    TRY(keep());
    return Composed::aborted;
  }

  // What was typed so far, without a header, as BSD's mail keeps it: `~d` takes it back. Files that
  // were attached are no text; they are named, with the letter they were for.
  Result<> keep() {
    base::flush_output();
    const Letter& letter = composition_.letter;
    TRY_LET(empty, composition_.empty());
    if (empty && letter.attachments.empty()) return {};
    const auto kept = [&]() -> Result<> {
      TRY_LET(path, dead_letter_path(session_));
      if (!path) return {};
      TRY(composition_.append(""));
      return keep_dead_letter(*path, letter.attachments.empty() ? "" : header(),
                              letter.body.number());
    }();
    if (!kept) base::complain(cat("the letter is not kept: ", kept.error().text));
    return {};
  }

  std::string header() const {
    const Letter& letter = composition_.letter;
    std::string text = shown_header(session_, letter);
    for (const auto& attachment : letter.attachments)
      text.append(cat("Attachment: ", displayable(attachment.path), "\n"));
    return cat(text, "\n");
  }

  Session& session_;
  Composition composition_;
  bool person_, escapes_;
  bool going_on_ = true, given_up_ = false;
  int interrupts_ = 0, ends_ = 0;  // one behind the other
};

}  // namespace

Result<Composed> compose(Session& session, Letter& letter,
                         const std::vector<std::size_t>& current) {
  ++session.letters;
  auto done = Composer(session, letter, current).run();
  --session.letters;
  return done;
}

}  // namespace reader
