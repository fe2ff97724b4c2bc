#include "mail/variables.h"

#include "lib/base/text.h"

namespace reader {

namespace {
// Two names for one thing: POSIX's of its own, and bsd-mailx's.
std::string_view canonical(std::string_view name) {
  if (name == "ask") return "asksub";
  if (name == "Replyall") return "flipr";
  return name;
}
}  // namespace

Variables::Variables()
    : values_{{"asksub", ""},   {"escape", "~"}, {"header", ""},   {"indentprefix", "\t"},
              {"prompt", "& "}, {"save", ""},    {"toplines", "5"}} {}

bool Variables::is_set(std::string_view name) const { return find(name) != nullptr; }

const std::string* Variables::find(std::string_view name) const {
  const auto found = values_.find(canonical(name));
  return found == values_.end() ? nullptr : &found->second;
}

std::string Variables::text(std::string_view name, std::string_view otherwise) const {
  const auto* const value = find(name);
  return value == nullptr || value->empty() ? std::string(otherwise) : *value;
}

std::optional<long> Variables::number(std::string_view name) const {
  const auto* const value = find(name);
  return value == nullptr ? std::nullopt : base::to_number<long>(base::trim(*value));
}

void Variables::set(std::string_view name, std::string_view value) {
  values_.insert_or_assign(std::string(canonical(name)), std::string(value));
}

bool Variables::unset(std::string_view name) {
  const auto found = values_.find(canonical(name));
  if (found == values_.end()) return false;
  values_.erase(found);
  return true;
}

}  // namespace reader
