#include "mail/options.h"

#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/words.h"

namespace reader {

namespace {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

// Letters whose value is the rest of their word, or the next word. (-E, -M and -q have one or none,
// by what it looks like.)
constexpr std::string_view takes_value = "aAbcCsrSuXYmTL:";
constexpr std::string_view no_value = "EIiNndevHFtRp~#.DBVMqfh";

// A long option, and which letter it means. Letters above 0x7f are long options only.
enum class Value { none, needed, perhaps };
constexpr char to_letter = '\x80', name_letter = '\x81', type_letter = '\x82', exec_letter = '\x83',
               attach_letter = '\x84', ignored_letter = '\x85', ignored_value = '\x86';
struct Long {
  std::string_view name;
  Value value;
  char letter;
};
constexpr std::array long_options = {
    Long{"account", Value::needed, 'A'},
    Long{"alternative", Value::none, ignored_letter},
    Long{"append", Value::needed, 'C'},
    Long{"attach", Value::needed, attach_letter},
    Long{"bcc", Value::needed, 'b'},
    Long{"byname", Value::none, 'F'},
    Long{"cc", Value::needed, 'c'},
    Long{"check-and-exit", Value::none, 'e'},
    Long{"content-filename", Value::needed, name_letter},
    Long{"content-name", Value::needed, name_letter},
    Long{"content-type", Value::needed, type_letter},
    Long{"custom-header", Value::needed, 'C'},
    Long{"debug", Value::none, 'd'},
    Long{"discard-empty-messages", Value::none, 'E'},
    Long{"enable-cmd-escapes", Value::none, '~'},
    Long{"encoding", Value::needed, ignored_value},
    Long{"end-options", Value::none, '.'},
    Long{"exec", Value::needed, exec_letter},
    Long{"exist", Value::none, 'e'},
    Long{"file", Value::perhaps, 'f'},
    Long{"from", Value::needed, 'r'},
    Long{"header", Value::needed, 'C'},
    Long{"header-summary", Value::none, 'H'},
    Long{"headers", Value::none, 'H'},
    Long{"help", Value::none, 'h'},
    Long{"ignore", Value::none, 'i'},
    Long{"inbox-of", Value::needed, 'u'},
    Long{"mime", Value::none, ignored_letter},
    Long{"no-header-summary", Value::none, 'N'},
    Long{"norc", Value::none, 'n'},
    Long{"nosum", Value::none, 'N'},
    Long{"print", Value::none, 'p'},
    Long{"quiet", Value::none, 'N'},
    Long{"quit", Value::none, ignored_letter},
    Long{"quote-file", Value::needed, 'q'},
    Long{"read", Value::none, 'p'},
    Long{"read-only", Value::none, 'R'},
    Long{"resource-files", Value::needed, ':'},
    Long{"return-address", Value::needed, 'r'},
    Long{"set", Value::needed, 'S'},
    Long{"skip-empty-attachments", Value::none, ignored_letter},
    Long{"startup-cmd", Value::needed, 'X'},
    Long{"subject", Value::needed, 's'},
    Long{"template", Value::none, 't'},
    Long{"to", Value::perhaps, to_letter},
    Long{"user", Value::needed, 'u'},
    Long{"verbose", Value::none, 'v'},
    Long{"version", Value::none, 'V'},
};

bool among(char letter, std::string_view letters) {
  return letters.find(letter) != std::string_view::npos;
}

bool breaks_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) {
        return breaks_line({&c, 1});
      },
      ' ');
  return text;
}

// "text/html", with parameters perhaps: what -M takes.
bool is_type(std::string_view word) {
  const auto slash = word.find('/');
  if (slash == 0 || slash == std::string_view::npos || word.starts_with('-')) return false;
  const auto end = word.find_first_of("; ");
  const auto essence = word.substr(0, end);
  return essence.find('/', slash + 1) == std::string_view::npos &&
         std::all_of(essence.begin(), essence.end(),
                     [](char c) { return base::alpha(c) || base::digit(c) || among(c, "/.+-_"); });
}

// What -E means as a command of mail rather than "drop empty messages".
bool is_command(std::string_view word) {
  constexpr std::string_view known[] = {"set",    "unset",  "alias",  "group",   "alternates",
                                        "source", "ignore", "retain", "discard", "if"};
  const auto first = word.substr(0, word.find(' '));
  return first != word && std::find(std::begin(known), std::end(known), first) != std::end(known);
}

class Parser {
 public:
  Parser(base::Args args, bool posixly_correct, bool (*is_file)(const std::string&))
      : args_(args), posixly_correct_(posixly_correct), is_file_(is_file) {}

  Result<Invocation> parse() {
    while (at_ < args_.size() && !ended_) {
      const std::string_view word = args_[at_];
      if (word.size() < 2 || word[0] != '-') {
        if (posixly_correct_) break;
        operands_.push_back(args_[at_++]);
        continue;
      }
      ++at_;
      if (word == "--") break;
      if (word[1] == '-') TRY(long_option(word.substr(2)));
      else TRY(letters(word.substr(1)));
    }
    operands_.insert(operands_.end(), args_.begin() + static_cast<std::ptrdiff_t>(at_),
                     args_.end());
    TRY(settle());
    return std::move(result_);
  }

 private:
  using Mode = Invocation::Mode;

  Result<> long_option(std::string_view word) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const Long* known = find_long(name);
    if (known == nullptr)
      return Error{Kind::usage, cat("--", base::printable(name), ": unknown option")};
    std::string value;
    if (equals != std::string_view::npos) {
      if (known->value == Value::none)
        return Error{Kind::usage, cat("--", known->name, ": takes no value")};
      value = word.substr(equals + 1);
    } else if (known->value == Value::needed) {
      if (at_ == args_.size()) return Error{Kind::usage, cat("--", known->name, ": needs a value")};
      value = args_[at_++];
    }
    return option(known->letter, std::move(value), cat("--", known->name));
  }

  // By its name, or by the beginning of one name alone.
  static const Long* find_long(std::string_view name) {
    const Long* found = nullptr;
    for (const auto& known : long_options) {
      if (known.name == name) return &known;
      if (name.empty() || !known.name.starts_with(name)) continue;
      if (found != nullptr) return nullptr;
      found = &known;
    }
    return found;
  }

  Result<> letters(std::string_view word) {
    while (!word.empty()) {
      const char letter = word[0];
      const std::string shown = cat("-", word.substr(0, 1));
      word.remove_prefix(1);
      if (among(letter, takes_value)) {
        if (word.empty() && at_ == args_.size())
          return Error{Kind::usage, cat(shown, ": needs a value")};
        return option(letter, word.empty() ? args_[at_++] : std::string(word), shown);
      }
      if (!among(letter, no_value))
        return Error{Kind::usage, cat(base::printable(shown), ": unknown option")};
      auto value = optional_value(letter, word);
      TRY(option(letter, std::move(value), shown));
    }
    return {};
  }

  // What follows -E, -M or -q where it looks like a value of theirs; it leaves `rest`.
  std::string optional_value(char letter, std::string_view& rest) {
    if (!among(letter, "EMq")) return {};
    const bool attached = !rest.empty();
    if (!attached && at_ == args_.size()) return {};
    const std::string value = attached ? std::string(rest) : args_[at_];
    const bool fits = letter == 'E'   ? is_command(value)
                      : letter == 'M' ? is_type(value)
                                      : is_file_(value);
    if (!fits) return {};
    if (attached) rest = {};
    else ++at_;
    return value;
  }

  Result<> option(char letter, std::string value, const std::string& shown) {
    if (flag(letter)) return {};
    // GNU mail's --to without a value is -t.
    if (letter == to_letter && value.empty()) return option('t', {}, shown);
    if (among(letter, "bcusmrX") || letter == 'Y' || letter == to_letter)
      return plain_value(letter, std::move(value), shown);
    switch (letter) {
      case 'a': return field_or_file(std::move(value));
      case 'A': return file(value);
      case attach_letter: return attach(value, shown);
      case 'C': return field(std::move(value), shown);
      case 'E':
      case exec_letter: command(std::move(value)); return {};
      case 'f': set_file(std::move(value)); return {};
      case 'M': result_.type = std::move(value); return {};
      case type_letter: pending_.type = std::move(value); return {};
      case name_letter: pending_.name = on_one_line(std::move(value)); return {};
      case 'q': result_.quoted_file = std::move(value); return {};
      case 'S': set(value); return {};
      case ':': resource_files(value); return {};
      default: result_.remarks.push_back(cat(shown, ": ignored")); return {};
    }
  }

  // Letters that only set a mark; false if this one does more.
  bool flag(char letter) {
    const std::pair<char, bool*> marks[] = {{'i', &result_.ignore_interrupts},
                                            {'I', &result_.interactive},
                                            {'N', &result_.no_summary},
                                            {'n', &result_.no_system_rc},
                                            {'d', &result_.debug},
                                            {'v', &result_.verbose},
                                            {'F', &result_.record_by_recipient},
                                            {'t', &result_.from_header},
                                            {'R', &result_.read_only},
                                            {'~', &result_.escapes}};
    for (const auto& [known, mark] : marks) {
      if (known != letter) continue;
      *mark = true;
      return true;
    }
    switch (letter) {
      case 'e': mode_ = Mode::exists; return true;
      case 'H': mode_ = Mode::headers; return true;
      case 'V': mode_ = Mode::version; return true;
      case 'h': mode_ = Mode::help; return true;
      case 'p':
        result_.session_commands.insert(result_.session_commands.end(), {"print *", "exit"});
        return result_.print_all = true;
      case '.': ended_ = send_ = true; return true;
      default: return false;
    }
  }

  Result<> plain_value(char letter, std::string value, const std::string& shown) {
    if (among(letter, "bcr") || letter == to_letter) {
      if (breaks_line(value))
        return Error{Kind::usage, cat(shown, ": a line end or NUL in an address")};
      send_options_ = true;
    }
    switch (letter) {
      case 'b': result_.bcc.push_back(std::move(value)); break;
      case 'c': result_.cc.push_back(std::move(value)); break;
      case to_letter: result_.to.push_back(std::move(value)); break;
      case 'r': result_.from = std::move(value); break;
      case 's':
        result_.subject = on_one_line(std::move(value));
        send_options_ = true;
        break;
      case 'u': result_.user = std::move(value); break;
      case 'm':
        result_.body_file = std::move(value);
        send_options_ = true;
        break;
      case 'X': result_.commands.push_back(std::move(value)); break;
      default: result_.session_commands.push_back(std::move(value)); break;  // Y
    }
    return {};
  }

  Result<> field_or_file(std::string value) {
    const auto length = rfc::field_name_length(value);
    const bool named = length > 0 && value[length] == ':';
    // A path with a colon in it is no field: nobody has a slash in the name of one.
    const bool path = value.find('/') < length;
    if (named && !path) return field(std::move(value), "-a");
    if (auto attachment = find_attachment(value)) {
      add(std::move(*attachment));
      return {};
    }
    return Error{Kind::usage, cat("-a: '", base::printable(value, 200),
                                  "' is neither 'Name: value' nor a readable file")};
  }

  Result<> file(const std::string& value) {
    if (auto attachment = find_attachment(value)) {
      add(std::move(*attachment));
      return {};
    }
    return Error{Kind::usage, cat("-A: '", base::printable(value, 200),
                                  "' is not a readable file; accounts are not known here")};
  }

  Result<> attach(const std::string& value, const std::string& shown) {
    if (auto attachment = find_attachment(value)) {
      add(std::move(*attachment));
      return {};
    }
    return Error{Kind::usage,
                 cat(shown, ": '", base::printable(value, 200), "' is not a readable file")};
  }

  // s-nail's `file=charset` and `file=charset#charset` among them.
  std::optional<Attachment> find_attachment(const std::string& word) const {
    Attachment attachment{.path = word, .name = {}, .type = {}, .charset = {}};
    if (is_file_(word)) return attachment;
    const auto equals = word.rfind('=');
    if (equals == std::string::npos) return std::nullopt;
    attachment.path = word.substr(0, equals);
    attachment.charset =
        base::lowered(word.substr(equals + 1, word.find('#', equals) - equals - 1));
    if (!is_file_(attachment.path)) return std::nullopt;
    return attachment;
  }

  void add(Attachment attachment) {
    attachment.type = std::exchange(pending_.type, {});
    attachment.name = std::exchange(pending_.name, {});
    if (attachment.name.empty())
      attachment.name = attachment.path.substr(attachment.path.rfind('/') + 1);
    result_.attachments.push_back(std::move(attachment));
    send_options_ = true;
  }

  Result<> field(std::string value, const std::string& shown) {
    const auto length = rfc::field_name_length(value);
    constexpr std::size_t longest_name = 76;  // there is no folding within a name
    if (length == 0 || length > longest_name || breaks_line(value))
      return Error{Kind::usage,
                   cat(shown, ": '", base::printable(value, 200), "' is not 'Name: value'")};
    result_.fields.push_back(std::move(value));
    send_options_ = true;
    return {};
  }

  // -E, with a command or without one.
  void command(std::string text) {
    if (text.empty()) {
      result_.skip_empty = true;
      return;
    }
    auto words = split_words(text);
    if (words.empty()) return;
    if (words[0] != "set" && words[0] != "unset") {
      result_.commands.push_back(std::move(text));
      return;
    }
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[0] == "set") set(words[i]);
      else result_.unset.push_back(words[i]);
    }
  }

  void set(const std::string& word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos && word.starts_with("no") && word.size() > 2)
      result_.unset.push_back(word.substr(2));
    else
      result_.variables.emplace_back(word.substr(0, equals),
                                     equals == std::string::npos ? "" : word.substr(equals + 1));
  }

  void set_file(std::string value) {
    result_.file_given = true;
    result_.file = std::move(value);
  }

  // s-nail: which start-up files are read: s (system), u (user), x (extra), / (none).
  void resource_files(std::string_view spec) {
    if (!among('s', spec)) result_.no_system_rc = true;
    if (!among('u', spec)) result_.no_user_rc = true;
  }

  Result<> settle() {
    if (mode_) result_.mode = *mode_;
    if (mode_ == Mode::version || mode_ == Mode::help) return {};
    for (const auto& word : operands_)
      if (breaks_line(word)) return Error{Kind::usage, "a line end or NUL in an address"};
    const bool reads = result_.file_given || result_.user || mode_;
    if (reads) return settle_reading();
    if (!pending_.type.empty() && result_.type.empty()) result_.type = pending_.type;
    result_.to.insert(result_.to.end(), operands_.begin(), operands_.end());
    const bool named = !result_.to.empty() || !result_.cc.empty() || !result_.bcc.empty();
    if (named || result_.from_header) {
      result_.mode = Mode::send;
    } else if (send_options_ || send_) {
      return Error{Kind::usage, "no recipient: give an address, or -t"};
    }
    return {};
  }

  Result<> settle_reading() {
    if (send_options_ || operands_.size() > 1)
      return Error{Kind::usage, result_.file_given
                                    ? "-f reads a mailbox; for a sender's address use -r"
                                    : "options for reading and for sending together"};
    if (operands_.empty()) return {};
    if (!result_.file_given)
      return Error{Kind::usage, cat(base::printable(operands_[0]), ": a file needs -f")};
    if (!result_.file.empty()) return Error{Kind::usage, "more than one file"};
    result_.file = operands_[0];
    return {};
  }

  base::Args args_;
  bool posixly_correct_;
  bool (*is_file_)(const std::string&);
  std::size_t at_ = 0;
  bool ended_ = false, send_ = false, send_options_ = false;
  std::optional<Mode> mode_;
  std::vector<std::string> operands_;
  Attachment pending_;  // type and name of the next attachment
  Invocation result_;
};

}  // namespace

Result<Invocation> parse_options(base::Args args, bool posixly_correct,
                                 bool (*is_file)(const std::string&)) {
  return Parser(args, posixly_correct, is_file).parse();
}

}  // namespace reader
