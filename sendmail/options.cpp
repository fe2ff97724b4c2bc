#include "sendmail/options.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/xtext.h"
#include "sendmail/parameters.h"

namespace submit {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

// Letters whose value is the rest of the word, or else the next word.
constexpr std::string_view takes_next_word = "BCFfhLNOopRrVXAMQ";
// (b, d, D, e and q take the rest of the word only: bare ones are legal.)
// Letters without a value, which may stand together (-ti).
constexpr std::string_view flags = "tivnmGIUxcs";

class Parser {
 public:
  explicit Parser(base::Args args) : args_(args) {}

  Result<Invocation> parse() {
    while (at_ < args_.size()) {
      const std::string_view word = args_[at_];
      if (word.size() < 2 || word[0] != '-') break;
      ++at_;
      if (word == "--") break;
      TRY(letters(word.substr(1)));
    }
    for (; at_ < args_.size(); ++at_) {
      // Behind the first recipient nothing is an option; what looks like one is an attack or a
      // mistake.
      if (args_[at_].starts_with('-'))
        return Error{Kind::usage,
                     cat(base::printable(args_[at_]), ": a recipient cannot begin with '-'")};
      invocation_.recipients.push_back(args_[at_]);
    }
    return std::move(invocation_);
  }

 private:
  static bool among(char letter, std::string_view letters) {
    return letters.find(letter) != std::string_view::npos;
  }

  Result<> letters(std::string_view word) {
    for (; !word.empty() && among(word[0], flags); word.remove_prefix(1)) flag(word[0]);
    if (word.empty()) return {};
    const char letter = word[0];
    word.remove_prefix(1);
    if (letter == 'b') return mode(word);
    if (letter == 'q') return run_queue(word);
    // Of no meaning here, or unknown: ignored with the rest of the word.
    if (!among(letter, takes_next_word)) return {};
    if (word.empty() && at_ == args_.size())
      return Error{Kind::usage, cat("-", std::string(1, letter), ": needs a value")};
    value(letter, word.empty() ? std::string_view(args_[at_++]) : word);
    return {};
  }

  void flag(char letter) {
    if (letter == 't') invocation_.recipients_from_header = true;
    if (letter == 'i') invocation_.ignore_dots = true;
    if (letter == 'v') invocation_.verbose = true;
    if (letter == 'I') invocation_.mode = Invocation::Mode::build_aliases;
  }

  Result<> mode(std::string_view word) {
    using Mode = Invocation::Mode;
    struct Known {
      std::string_view word;
      Mode mode;
    };
    constexpr Known known[] = {{"m", Mode::deliver},
                               {"s", Mode::smtp},
                               {"p", Mode::list_queue},
                               {"i", Mode::build_aliases},
                               {"v", Mode::verify}};
    for (const auto& [name, mode] : known)
      if (word == name) {
        invocation_.mode = mode;
        return {};
      }
    if (word == "d" || word == "D")
      return Error{Kind::usage, cat("-b", word, ": postbag has no daemon; nothing needs to run")};
    return Error{Kind::usage, cat("-b", base::printable(word), ": unknown mode; nothing was sent")};
  }

  Result<> run_queue(std::string_view word) {
    using Mode = Invocation::Mode;
    if (!word.empty() && base::digit(word[0])) {
      invocation_.mode = Mode::nothing;  // -q30m: the timer's work; it must not read a message
      return {};
    }
    invocation_.mode = Mode::run_queue;
    const std::string rest(word.substr(std::min<std::size_t>(1, word.size())));
    if (word.starts_with('I')) invocation_.flush_options.push_back(cat("--id=", rest));
    else if (word.starts_with('R')) invocation_.flush_options.push_back(cat("--recipient=", rest));
    else if (word.starts_with('S')) invocation_.flush_options.push_back(cat("--sender=", rest));
    else invocation_.flush_options.push_back("--all");
    return {};
  }

  void delivery_mode(std::string_view word) {
    if (word.starts_with('q') || word.starts_with('d')) invocation_.queue_only = true;
    if (word.starts_with('b') || word.starts_with('i')) invocation_.queue_only = false;
  }

  void short_option(std::string_view word) {
    if (word.starts_with('d')) delivery_mode(word.substr(1));
    if (word.starts_with('i')) invocation_.ignore_dots = true;
    if (word.starts_with('v')) invocation_.verbose = true;
  }

  void long_option(std::string_view word) {
    std::string_view rest = word;
    const auto name = base::trim(base::take(rest, '='));
    if (base::iequals(name, "DeliveryMode")) delivery_mode(base::trim(rest));
    if (base::iequals(name, "IgnoreDots"))
      invocation_.ignore_dots = !base::istarts_with(base::trim(rest), "f");
  }

  void notify(std::string_view word) {
    if (auto list = notify_list(word)) invocation_.notify = std::move(*list);
    else
      invocation_.remarks.push_back(
          cat("-N ", base::printable(word), ": ignored: not success, failure, delay or never"));
  }

  void ret(std::string_view word) {
    if (auto known = ret_word(word)) invocation_.ret = std::move(*known);
    else
      invocation_.remarks.push_back(
          cat("-R ", base::printable(word), ": ignored: neither full nor hdrs"));
  }

  // Text that is no xtext is taken as it stands.
  void envid(std::string_view word) {
    const bool xtext = rfc::is_xtext(word);
    if (auto id = envelope_id(xtext ? std::string(word) : rfc::xtext(word)))
      invocation_.envid = std::move(*id);
    else if (!word.empty())
      invocation_.remarks.push_back(
          cat("-V ", base::printable(word, 100), ": ignored: over 100 characters"));
  }

  void value(char letter, std::string_view word) {
    switch (letter) {
      case 'f':
      case 'r': invocation_.sender = word; break;
      case 'F': invocation_.full_name = word; break;
      case 'o': short_option(word); break;
      case 'O': long_option(word); break;
      case 'N': notify(word); break;
      case 'R': ret(word); break;
      case 'V': envid(word); break;
      default: break;  // accepted, of no meaning here
    }
  }

  base::Args args_;
  std::size_t at_ = 0;
  Invocation invocation_;
};

}  // namespace

Result<Invocation> parse_options(base::Args args) { return Parser(args).parse(); }

}  // namespace submit
