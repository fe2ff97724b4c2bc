#include "lib/store/alias_text.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/envelope.h"

namespace store {

using base::cat;

namespace {

constexpr auto npos = std::string_view::npos;

// The colon behind an alias's name, outside quotes and comments; npos: there is none.
std::size_t colon(std::string_view text) {
  bool quotes = false;
  std::size_t comments = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') ++i;
    else if (c == '"' && comments == 0) quotes = !quotes;
    else if (quotes) continue;
    else if (c == '(') ++comments;
    else if (c == ')' && comments > 0) --comments;
    else if (c == ':' && comments == 0) return i;
  }
  return npos;
}

bool continues(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

bool says_nothing(std::string_view line) {
  line = base::trim(line);
  return line.empty() || line[0] == '#';
}

}  // namespace

std::string alias_key(std::string_view local) { return base::lowered(unquoted(local)); }

std::string AliasCount::text() const {
  return cat(aliases, aliases == 1 ? " alias" : " aliases", ", longest ", longest, " bytes, ",
             total, " bytes total");
}

int AliasReader::Logical::line_at(std::size_t offset) const {
  const auto behind =
      std::upper_bound(lines.begin(), lines.end(), offset,
                       [](std::size_t at, const auto& line) { return at < line.first; });
  return behind == lines.begin() ? 0 : std::prev(behind)->second;
}

AliasReader::AliasReader(std::string_view text, std::string name)
    : rest_(text), name_(std::move(name)) {
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
}

void AliasReader::mistake(int line, std::string_view text) {
  mistakes_.push_back(base::printable(cat(name_, ":", line, ": ", text)));
}

std::string_view AliasReader::take_line() {
  ++line_;
  auto line = base::take(rest_, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Takes the lines as well that a backslash at the end of this one joins to it.
void AliasReader::add_line(Logical& logical, std::string_view line) {
  for (;;) {
    logical.lines.emplace_back(logical.text.size(), line_);
    const bool joined = line.ends_with('\\') && !rest_.empty();
    logical.text.append(line.substr(0, line.size() - (joined ? 1 : 0)));
    if (!joined) return;
    line = take_line();
  }
}

bool AliasReader::next_logical(Logical& logical) {
  logical = {};
  while (!rest_.empty()) {
    // Looks before it takes: the next alias's line ends this one.
    const auto line = rest_.substr(0, rest_.find('\n'));
    const bool nothing = says_nothing(line);
    if (!nothing && !logical.lines.empty() && !continues(line)) return true;
    const auto taken = take_line();
    if (nothing) continue;
    if (logical.lines.empty() && continues(taken)) mistake(line_, "a continuation of no alias");
    else add_line(logical, taken);
  }
  return !logical.lines.empty();
}

std::optional<std::string> AliasReader::parse_name(std::string_view text, int line) {
  const auto problem = [&](std::string_view what) {
    mistake(line, cat(base::printable(base::trim(text), 100), ": ", what));
    return std::nullopt;
  };
  rfc::AddressList list(text, true);
  const auto mailbox = list.next();
  if (!mailbox || (mailbox->problem.empty() && mailbox->address.empty())) {
    mistake(line, "no name before ':'");
    return std::nullopt;
  }
  if (mailbox->problem == "missing ',' or '<>'")
    return problem("a name with white space needs quotes");
  if (!mailbox->problem.empty()) return problem(mailbox->problem);
  if (list.position() < text.size() || !list.in_group()) return problem("not one name");
  const auto path = rfc::Path::parse(mailbox->address);
  if (!path) {
    mistake(line, path.error().text);
    return std::nullopt;
  }
  if (path.value().qualified())
    return problem("an alias has no domain; that is for the virtual file");
  auto key = alias_key(path.value().local());
  if (key.empty()) return problem("an empty name");
  return key;
}

// Whether all targets are well-formed.
bool AliasReader::check_targets(const Logical& logical, std::size_t offset) {
  const auto list = read_targets(std::string_view(logical.text).substr(offset));
  for (const auto& problem : list.problems)
    mistake(logical.line_at(offset + problem.offset), problem.text);
  if (list.problems.empty() && list.targets.empty())
    mistake(logical.line_at(0), "nothing behind ':'");
  return list.problems.empty() && !list.targets.empty();
}

std::optional<Alias> AliasReader::parse(const Logical& logical) {
  const std::string_view text = logical.text;
  const int line = logical.line_at(0);
  const auto end = colon(text);
  if (end == npos) {
    mistake(line,
            std::count(text.begin(), text.end(), '"') % 2 == 1 ? "unbalanced '\"'" : "missing ':'");
    return std::nullopt;
  }
  auto name = parse_name(text.substr(0, end), line);
  const auto targets = std::min(text.find_first_not_of(" \t", end + 1), text.size());
  if (!check_targets(logical, targets) || !name) return std::nullopt;
  const auto [first, added] = seen_.try_emplace(*name, line);
  if (!added) {
    mistake(line, cat(*name, ": given twice, first in line ", first->second));
    return std::nullopt;
  }
  ++count_.aliases;
  count_.longest = std::max<std::uint64_t>(count_.longest, text.size() - targets);
  count_.total += name->size() + text.size() - targets;
  return Alias{std::move(*name), std::string(text.substr(targets)), line};
}

std::optional<Alias> AliasReader::next() {
  Logical logical;
  while (next_logical(logical))
    if (auto alias = parse(logical)) return alias;
  return std::nullopt;
}

}  // namespace store
