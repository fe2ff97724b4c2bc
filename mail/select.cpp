#include "mail/select.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "mail/append.h"
#include "mail/fields.h"
#include "mail/fold.h"
#include "mail/input.h"
#include "mail/summary_name.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

Error mistake(std::string text) { return Error{Kind::usage, std::move(text)}; }

struct Token {
  enum class Kind { number, place, star, dash, plus, name };
  Kind kind;
  std::string text;  // digits; '^', '.' or '$'; a name, `/subject`, `:n`
};

// A word is a name unless it is made of nothing but these.
bool is_numeric(std::string_view word) {
  return word.find_first_not_of("0123456789$.^*-+,") == std::string_view::npos;
}

void add_tokens(std::string_view word, std::vector<Token>& tokens) {
  if (!is_numeric(word)) {
    // `1-alice`: a range without an end that could be one.
    const auto digits = word.find_first_not_of("0123456789");
    if (digits > 0 && word[digits] == '-') {
      tokens.push_back({Token::Kind::number, std::string(word.substr(0, digits))});
      tokens.push_back({Token::Kind::dash, "-"});
      word.remove_prefix(digits + 1);
    }
    tokens.push_back({Token::Kind::name, std::string(word)});
    return;
  }
  for (std::size_t at = 0; at < word.size(); ++at) {
    const char c = word[at];
    const std::string single(1, c);
    if (c == ',') continue;
    if (c == '*') tokens.push_back({Token::Kind::star, single});
    else if (c == '-') tokens.push_back({Token::Kind::dash, single});
    else if (c == '+') tokens.push_back({Token::Kind::plus, single});
    else if (!base::digit(c)) tokens.push_back({Token::Kind::place, single});
    else if (at == 0 || !base::digit(word[at - 1])) tokens.push_back({Token::Kind::number, single});
    else tokens.back().text.push_back(c);
  }
}

/// What `:n` and its like ask of a message.
struct Modifier {
  char letter;
  bool (*holds)(const Session&, std::size_t index);
};

bool marked(const Session& session, std::size_t index, int marks) {
  return (session.marks[index] & marks) != 0;
}

// POSIX: new, old (neither new nor read), read, unread, deleted; the rest is s-nail's.
constexpr Modifier modifiers[] = {
    {'n', [](const Session& s, std::size_t i) { return marked(s, i, Mark::is_new); }},
    {'o',
     [](const Session& s, std::size_t i) { return !marked(s, i, Mark::is_new | Mark::is_read); }},
    {'u', [](const Session& s, std::size_t i) { return !marked(s, i, Mark::is_read); }},
    {'d', [](const Session& s, std::size_t i) { return marked(s, i, Mark::deleted); }},
    {'r', [](const Session& s, std::size_t i) { return marked(s, i, Mark::is_read); }},
    {'f', [](const Session& s, std::size_t i) { return (flags_now(s, i) & Flag::flagged) != 0; }},
    {'a', [](const Session& s, std::size_t i) { return (flags_now(s, i) & Flag::answered) != 0; }},
    {'m', [](const Session& s,
             std::size_t i) { return std::binary_search(s.found.begin(), s.found.end(), i); }},
    {'t', [](const Session& s, std::size_t i) { return (s.folder->flags(i) & Flag::draft) != 0; }},
};

/// A name or `/string` of a list, ready to be compared.
struct Pattern {
  std::string field;  // of `/field:string`; "subject"; empty: it is an address
  std::string text;   // folded()
};

// Most text has no letters but ASCII's, which need no copy.
bool contains(std::string_view text, std::string_view folded_part) {
  if (std::none_of(folded_part.begin(), folded_part.end(), base::eight_bit))
    return base::ifind(text, folded_part) != std::string_view::npos;
  return folded(text).find(folded_part) != std::string::npos;
}

bool in_field(std::string_view header, std::string_view name, std::string_view text) {
  const auto body = field_body(header, name);
  return body && contains(readable(*body), text);
}

bool matches_field(std::string_view header, const Pattern& pattern) {
  if (pattern.text.empty()) return false;
  if (!base::iequals(pattern.field, "to")) return in_field(header, pattern.field, pattern.text);
  return in_field(header, "to", pattern.text) || in_field(header, "cc", pattern.text) ||
         in_field(header, "bcc", pattern.text);
}

std::string_view login_of(std::string_view address) { return address.substr(0, address.find('@')); }

class Selection {
 public:
  Selection(Session& session, Among among)
      : session_(session), among_(among), chosen_(message_count(session), false) {}

  Result<> take(const std::vector<Token>& tokens) {
    for (std::size_t at = 0; at < tokens.size(); ++at) TRY(take_one(tokens, at));
    if (start_) return mistake("Non-numeric second argument");
    if (star_ && !choose_all()) return mistake("No applicable messages");
    if (star_) return {};
    if (!numbers_ && (!patterns_.empty() || !modifiers_.empty())) choose_all();
    TRY(keep_named());
    return keep_modified();
  }

  std::vector<std::size_t> messages() const {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < chosen_.size(); ++i)
      if (chosen_[i]) list.push_back(i);
    return list;
  }

 private:
  using Kind = Token::Kind;

  Result<> take_one(const std::vector<Token>& tokens, std::size_t at) {
    const auto& token = tokens[at];
    const bool range_follows = at + 1 < tokens.size() && tokens[at + 1].kind == Kind::dash;
    switch (token.kind) {
      case Kind::number:
      case Kind::place: return take_number(token, range_follows);
      case Kind::dash: return start_ ? Result<>() : step(token);
      case Kind::plus: return step(token);
      case Kind::name: return take_name(token.text);
      case Kind::star: break;
    }
    if (numbers_ || !patterns_.empty() || !modifiers_.empty())
      return mistake("Can't mix \"*\" with anything");
    star_ = true;
    return {};
  }

  Result<> take_number(const Token& token, bool range_follows) {
    if (star_) return mistake("No numbers mixed with *");
    TRY_LET(index, token.kind == Kind::place ? place(token.text[0]) : number(token.text));
    numbers_ = true;
    if (start_) {
      choose_range(std::min(*start_, index), std::max(*start_, index));
      start_.reset();
    } else if (range_follows) {
      start_ = index;
    } else {
      chosen_[index] = true;
    }
    return {};
  }

  Result<std::size_t> number(const std::string& digits) const {
    const auto number = base::to_number<std::size_t>(digits);
    if (!number || *number < 1 || *number > chosen_.size())
      return mistake(cat(digits, ": Invalid message number"));
    return checked(*number - 1);
  }

  // A list over deleted messages may name others as well: they are made current.
  Result<std::size_t> checked(std::size_t index) const {
    if (among_ == Among::present && has_mark(session_, index, Mark::deleted))
      return mistake(cat(index + 1, ": Inappropriate message"));
    return index;
  }

  Result<std::size_t> place(char which) const {
    if (which == '.') return checked(session_.dot);
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      const auto index = message_at(session_, which == '^' ? i : chosen_.size() - 1 - i);
      if (belongs(session_, index, among_)) return index;
    }
    return mistake("No applicable messages");
  }

  Result<> step(const Token& token) {
    if (start_) return mistake("Non-numeric second argument");
    numbers_ = true;
    const bool forward = token.kind == Kind::plus;
    for (auto at = place_of(session_, session_.dot);;) {
      if (forward && ++at >= chosen_.size()) return mistake("Referencing beyond EOF");
      if (!forward && at-- == 0) return mistake("Referencing before 1");
      const auto index = message_at(session_, at);
      if (!belongs(session_, index, among_)) continue;
      chosen_[index] = true;
      return {};
    }
  }

  Result<> take_name(const std::string& word) {
    if (start_) return mistake("Non-numeric second argument");
    if (star_) return mistake("Can't mix \"*\" with anything");
    if (word[0] == ':') return take_modifier(word);
    const auto typed = folded(from_charset(word, session_.terminal.charset));
    names_.push_back(word);
    patterns_.push_back(word[0] == '/' ? subject(typed.substr(1)) : Pattern{"", typed});
    return {};
  }

  Result<> take_modifier(const std::string& word) {
    const auto* const found = std::find_if(
        std::begin(modifiers), std::end(modifiers),
        [&](const Modifier& each) { return word.size() > 1 && each.letter == word[1]; });
    if (found == std::end(modifiers)) return mistake(cat("Unknown colon modifier \"", word, "\""));
    modifiers_.push_back(*found);
    return {};
  }

  // `/` alone is what was looked for last; `/field:text` where `searchheaders` is set.
  Pattern subject(const std::string& typed) {
    if (!typed.empty()) session_.last_search = typed;
    const auto& text = session_.last_search;
    const auto colon = text.find(':');
    if (colon == std::string::npos || !session_.variables.is_set("searchheaders"))
      return {"subject", text};
    return {colon == 0 ? "subject" : text.substr(0, colon), text.substr(colon + 1)};
  }

  bool choose_all() {
    bool any = false;
    for (std::size_t i = 0; i < chosen_.size(); ++i)
      if (belongs(session_, i, among_)) any = chosen_[i] = true;
    return any;
  }

  void choose_range(std::size_t from, std::size_t to) {
    for (auto i = from; i <= to; ++i)
      if (among_ == Among::deleted || belongs(session_, i, among_)) chosen_[i] = true;
  }

  Result<bool> named(std::size_t index) {
    TRY_LET(header, session_.folder->header(index));
    const auto shown = std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
      return !pattern.field.empty() && matches_field(header, pattern);
    });
    if (shown || std::all_of(patterns_.begin(), patterns_.end(),
                             [](const Pattern& pattern) { return !pattern.field.empty(); }))
      return shown;
    TRY_LET(name, summary_name(session_, index, header));
    const auto from = readable(field_body(header, "from").value_or(""));
    const bool by_login = session_.variables.is_set("allnet");
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
      if (!pattern.field.empty() || pattern.text.empty()) return false;
      if (by_login) return base::iequals(login_of(pattern.text), login_of(name.text));
      return contains(name.text, pattern.text) || contains(from, pattern.text);
    });
  }

  Result<> keep_named() {
    if (patterns_.empty()) return {};
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (!chosen_[i]) continue;
      if (take_interrupt()) return mistake("Interrupt");
      const auto keep = named(i);
      if (!keep && !is_gone(keep.error())) return keep.error();
      chosen_[i] = keep && keep.value();
    }
    if (any_chosen()) return {};
    std::string text = "No applicable messages from {";
    for (const auto& name : names_) text += (&name == names_.data() ? "" : ", ") + name;
    return mistake(text + "}");
  }

  Result<> keep_modified() {
    if (modifiers_.empty()) return {};
    for (std::size_t i = 0; i < chosen_.size(); ++i)
      for (const auto& modifier : modifiers_)
        if (chosen_[i] && !modifier.holds(session_, i)) chosen_[i] = false;
    if (any_chosen()) return {};
    std::string text = "No messages satisfy";
    for (const auto& modifier : modifiers_) text += {' ', ':', modifier.letter};
    return mistake(text);
  }

  bool any_chosen() const {
    return std::find(chosen_.begin(), chosen_.end(), true) != chosen_.end();
  }

  Session& session_;
  Among among_;
  std::vector<bool> chosen_;
  std::optional<std::size_t> start_;  // of a range
  bool star_ = false, numbers_ = false;
  std::vector<std::string> names_;
  std::vector<Pattern> patterns_;
  std::vector<Modifier> modifiers_;
};

}  // namespace

Result<std::vector<std::size_t>> select_messages(Session& session,
                                                 const std::vector<std::string>& words,
                                                 Among among) {
  std::vector<Token> tokens;
  for (const auto& word : words)
    if (!word.empty()) add_tokens(word, tokens);
  if (tokens.empty()) {
    const auto current = nearest(session, among);
    if (!current) return mistake("No applicable messages");
    return std::vector<std::size_t>{*current};
  }
  if (message_count(session) == 0) return mistake("No applicable messages");
  Selection selection(session, among);
  TRY(selection.take(tokens));
  const auto messages = selection.messages();
  if (messages.empty()) return mistake("No applicable messages");
  return messages;
}

}  // namespace reader
