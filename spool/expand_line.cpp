#include "spool/expand_line.h"

#include <algorithm>

#include "lib/base/text.h"
#include "spool/cause.h"

namespace spool {

using base::cat;
using base::printable;
using rfc::EnhancedStatus;
using rfc::Outcome;
using rfc::Path;
using store::RecipientKind;

namespace {
constexpr unsigned deepest = 100;
constexpr std::size_t most_remarks = 10;
}  // namespace

Outcome waits(EnhancedStatus status, std::string text) {
  return {Outcome::Kind::delayed, status, std::move(text)};
}

std::string key_of(RecipientKind kind, const std::string& address) {
  std::string key(1, static_cast<char>(kind));
  const auto path = kind == RecipientKind::remote ? Path::parse(address) : Path();
  if (!path || path.value().null()) return key + address;
  return cat(key, path.value().local(), "@", base::lowered(path.value().domain()));
}

std::string shown(const Node& node) {
  using Kind = store::Target::Kind;
  if (node.stage == Node::Stage::command) return store::written({Kind::command, node.text});
  if (node.stage == Node::Stage::file) return store::written({Kind::file, node.text});
  if (node.stage == Node::Stage::include) return cat(":include:", node.text);
  if (node.stage == Node::Stage::mailbox) return cat("\\", node.text);
  if (node.stage == Node::Stage::address) return node.text;
  const auto local = store::quoted(node.text);
  return node.domain.empty() ? local : cat(local, "@", node.domain);
}

void LineExpander::begin_with_name(Stage stage, const Path& path) {
  Node node{stage, Step::By::submission, store::unquoted(path.local()), std::string(path.domain())};
  open_.push_back(std::move(node));
}

void LineExpander::begin() {
  const auto path = Path::parse(recipient_.address);
  const bool typed = recipient_.kind == RecipientKind::command ||
                     recipient_.kind == RecipientKind::file ||
                     recipient_.kind == RecipientKind::other_user;
  if (!typed && (!path || path.value().null()))
    return give_up(waits({4, 3, 0}, cat(printable(recipient_.address), ": not an address")));
  switch (recipient_.kind) {
    case RecipientKind::unqualified: return begin_with_name(Stage::name, path.value());
    case RecipientKind::local_user: return begin_with_name(Stage::user, path.value());
    case RecipientKind::mailbox: return begin_with_name(Stage::mailbox, path.value());
    case RecipientKind::address:
      return open_.push_back({Stage::address, Step::By::submission, path.value().text(), ""});
    case RecipientKind::remote:
    case RecipientKind::command:
    case RecipientKind::file:
    case RecipientKind::other_user: break;
  }
  new_step(Step::By::submission, Step::none, recipient_.address);
  give({}, recipient_.kind, recipient_.address);
}

Line LineExpander::run(std::size_t index) {
  const auto& steps = shared_.expansion.steps;
  begin();
  while (!open_.empty() && !whole_) {
    const Node node = std::move(open_.back());
    open_.pop_back();
    new_step(node.by, node.parent, shown(node));
    if (steps.size() - first_step_ > most_steps) too_many();
    else if (steps[step_].depth > deepest) too_deep(node);
    else expand(node);
  }
  if (!whole_) settle_loops();
  if (!whole_ && actions_.empty() && !thinned_)
    give_up(waits({4, 3, 5}, cat(printable(recipient_.address), ": leads nowhere")));
  return line(index);
}

Line LineExpander::line(std::size_t index) {
  if (whole_) {
    Action action{recipient_.kind, recipient_.address, {}, std::move(whole_), "", first_step_};
    return {index, {std::move(action)}};
  }
  const bool left = leave_to_others(index);
  bool any = false;  // that goes somewhere
  for (const auto& action : actions_) {
    any = any || !action.outcome;
    (action.outcome ? shared_.ended : shared_.given).insert(key_of(action.kind, action.address));
  }
  const bool thinned = left || (thinned_ && (any || actions_.empty()));
  return {index, std::move(actions_), thinned};
}

// Of several, what waits or fails as something else of the entry does is left to that, lest
// generations of them breed. Returns whether that is no line of its own yet.
bool LineExpander::leave_to_others(std::size_t index) {
  if (actions_.size() < 2) return false;
  const auto own = std::stable_partition(actions_.begin(), actions_.end(), [&](const Action& each) {
    const auto found = shared_.lines.find(key_of(each.kind, each.address));
    return !each.outcome || found == shared_.lines.end() || found->second == index;
  });
  // One is kept, since each of two lines may lead to the other.
  const bool none = own == actions_.begin();
  actions_.erase(own + (none ? 1 : 0), actions_.end());
  if (actions_.size() < 2) return false;
  const auto left = std::erase_if(actions_, [&](const Action& each) {
    return each.outcome && shared_.ended.contains(key_of(each.kind, each.address));
  });
  return left > 0;
}

void LineExpander::new_step(Step::By by, std::size_t parent, std::string text) {
  auto& steps = shared_.expansion.steps;
  const unsigned depth = parent == Step::none ? 0 : steps[parent].depth + 1;
  steps.push_back({by, parent, depth, std::move(text)});
  productive_.push_back(false);
  step_ = steps.size() - 1;
}

void LineExpander::expand(const Node& node) {
  switch (node.stage) {
    case Stage::address: {
      const auto path = Path::parse(node.text);
      if (path) return address(node, path.value());
      return give_up(waits({4, 3, 5}, path.error().text));
    }
    case Stage::name: return name(node);
    case Stage::user:
    case Stage::mailbox: return user(node);
    case Stage::include: return include(node);
    case Stage::command: return give(node, RecipientKind::command, node.text);
    case Stage::file: return give(node, RecipientKind::file, node.text);
  }
}

bool LineExpander::below(std::size_t ancestor) const {
  const auto& steps = shared_.expansion.steps;
  std::size_t at = step_;
  while (at != Step::none && at != ancestor) at = steps[at].parent;
  return at == ancestor;
}

// The same for what expands to the same.
std::string LineExpander::mark(const Node& node) {
  const char marks[] = {static_cast<char>(node.stage), static_cast<char>('0' + node.flags), '\0'};
  if (node.stage == Stage::address) return cat(marks, key_of(RecipientKind::remote, node.text));
  return cat(marks, node.stage == Stage::include ? node.text : base::lowered(node.text));
}

// Whether this is to be expanded: what was needs no second time.
bool LineExpander::first_time(const Node& node) {
  return seen_.emplace(mark(node), step_).first->second == step_;
}

// All that the node at hand comes from leads somewhere.
void LineExpander::productive() {
  const auto& steps = shared_.expansion.steps;
  for (std::size_t at = step_; at != Step::none && !productive_[at - first_step_];
       at = steps[at].parent)
    productive_[at - first_step_] = true;
}

// It was expanded before: here, which is a loop, or elsewhere, where its mail goes.
void LineExpander::loop(const Node& node) {
  const auto began = seen_.at(mark(node));
  if (below(began)) loops_.emplace_back(began, node);
  else productive();
}

// A loop is worth a word where it leads somewhere else besides, and fails where it does not.
void LineExpander::settle_loops() {
  auto& remarks = shared_.expansion.remarks;
  for (const auto& [began, node] : loops_) {
    const auto text = cat(printable(shown(node)), ": a loop of aliases");
    // No line can stand for a list of a file.
    const bool listed = node.stage == Stage::include;
    if (productive_[began - first_step_] || (listed && !actions_.empty())) {
      if (remarks.size() < most_remarks) remarks.push_back(cat(text, " is left out"));
      continue;
    }
    auto outcome = failed(Cause::loop, text);
    if (listed) return give_up(std::move(outcome));
    step_ = began;
    const bool named = node.stage == Stage::name;
    end(node, named ? RecipientKind::unqualified : RecipientKind::address,
        named ? store::quoted(node.text) : node.text, std::move(outcome));
  }
}

void LineExpander::give(const Node& from, RecipientKind kind, std::string address) {
  productive();
  auto key = key_of(kind, address);
  // A line that is final is what the others are compared with.
  if (!is_final(recipient_.kind) && shared_.given.contains(key)) {
    thinned_ = true;
    return;
  }
  if (!mine_.insert(std::move(key)).second) return;
  actions_.push_back({kind, std::move(address), from.sender, std::nullopt, from.user, step_});
}

void LineExpander::end(const Node& from, RecipientKind kind, std::string address, Outcome outcome) {
  productive();
  if (!mine_.insert(cat("!", key_of(kind, address))).second) return;
  actions_.push_back({kind, std::move(address), from.sender, std::move(outcome), from.user, step_});
}

void LineExpander::give_up(Outcome outcome) {
  whole_ = std::move(outcome);
  open_.clear();
}

// All of the line: begun anew at the place where it got too deep, it would go on.
void LineExpander::too_deep(const Node& node) {
  give_up(failed(Cause::too_deep, cat(printable(shown(node)), ": more than ", deepest,
                                      " steps of aliases and forwarding")));
}

void LineExpander::too_many() {
  give_up(waits({4, 5, 3}, cat("it leads to more than ", most_steps, " addresses")));
}

}  // namespace spool
