#include <algorithm>

#include "lib/base/text.h"
#include "spool/cause.h"
#include "spool/expand_line.h"

namespace spool {

using base::cat;
using base::printable;
using base::Result;
using rfc::Path;
using store::RecipientKind;
using store::Target;

// node: all of it but stage, text and domain, which the address decides.
void LineExpander::push(Node node, std::string_view address) {
  auto path = Path::parse(address);
  if (!path || path.value().null())
    return give_up(waits({4, 3, 5}, cat(printable(address), ": not an address")));
  node.parent = step_;
  node.stage = path.value().qualified() ? Stage::address : Stage::name;
  node.text =
      node.stage == Stage::address ? path.value().text() : store::unquoted(path.value().local());
  node.domain.clear();
  open_.push_back(std::move(node));
}

void LineExpander::target(const Node& from, Step::By by, const Target& target) {
  using Kind = Target::Kind;
  Node node{Stage::include, by, target.value, "", step_, from.flags, from.sender, from.user};
  if (target.kind == Kind::address) return push(std::move(node), target.value);
  if (target.kind == Kind::command) node.stage = Stage::command;
  if (target.kind == Kind::file) node.stage = Stage::file;
  if (target.kind == Kind::user) {
    const auto path = Path::parse(target.value);
    // `\user@domain` of another machine is that address.
    if (path && path.value().qualified() && !shared_.rules.site.is_local(path.value().domain()))
      return push(std::move(node), target.value);
    node.stage = Stage::mailbox;
    node.text = path ? store::unquoted(path.value().local()) : target.value;
  }
  open_.push_back(std::move(node));
}

// What a list names. The first is looked at first, so that results stand in its order.
void LineExpander::targets(const Node& from, Step::By by, const Listed& listed) {
  using Kind = Target::Kind;
  const auto before = shared_.expansion.steps.size() - first_step_ + open_.size();
  if (before + listed.targets.size() > most_steps) return too_many();
  for (auto each = listed.targets.rbegin(); each != listed.targets.rend() && !whole_; ++each) {
    const bool named = each->kind == Kind::address || each->kind == Kind::user;
    if (named || listed.untrusted.empty()) target(from, by, *each);
    else
      give_up(
          waits({4, 3, 5}, cat("its ", each->kind == Kind::include ? "lists" : "commands and files",
                               " are not used: ", listed.untrusted)));
  }
}

void LineExpander::address(const Node& node, const Path& path) {
  if (!first_time(node)) {
    // `jane@here jane@here` says that nothing is to be made of it.
    const bool itself = node.by == Step::By::virtual_table &&
                        base::iequals(shared_.expansion.steps[node.parent].text, node.text);
    return itself ? away_or_here(node, path) : loop(node);
  }
  auto found = shared_.lookups.in_virtual(path);
  if (!found) return give_up(waits({4, 3, 5}, std::move(found).error().text));
  if (!found.value()) return away_or_here(node, path);
  if (const auto* error = std::get_if<ToNowhere>(&*found.value())) {
    auto outcome =
        failed(Cause::error_address, cat(error->text, " (by the virtual table)"), error->status);
    outcome.reply = error->text;
    return end(node, RecipientKind::address, node.text, std::move(outcome));
  }
  const auto& paths = std::get<std::vector<Path>>(*found.value());
  for (auto each = paths.rbegin(); each != paths.rend(); ++each) {
    Node next{Stage::address, Step::By::virtual_table, "", "", step_, node.flags, node.sender,
              node.user};
    push(std::move(next), each->text());
  }
}

void LineExpander::away_or_here(const Node& node, const Path& path) {
  const auto& rules = shared_.rules;
  const Way* way = rules.routes.find(path);
  const bool routed_here = way != nullptr && std::holds_alternative<ToThisMachine>(*way);
  if (!rules.site.is_local(path.domain()) && !routed_here)
    return give(node, RecipientKind::remote, path.text());
  Node here = node;
  here.stage = Stage::name;
  here.text = store::unquoted(path.local());
  here.domain = path.domain();
  name(here);
}

void LineExpander::name(const Node& node) {
  if (!first_time(node)) {
    if (!below(seen_.at(mark(node)))) return productive();
    // `jane: jane, bob`
    const auto known = find_user(node.text);
    if (!known || known.value()) return user(node);
    return base::iequals(node.text, "postmaster") ? lost_postmaster(node) : loop(node);
  }
  if (alias(node, node.text) || whole_) return;
  const auto plus = node.text.find('+', 1);
  if (plus != std::string::npos &&
      (alias(node, std::string_view(node.text).substr(0, plus)) || whole_))
    return;
  without_alias(node);
}

// Whether there is such an alias. A look-up that fails gives the line up.
bool LineExpander::alias(const Node& node, std::string_view name) {
  auto found = shared_.lookups.alias(name);
  if (!found) return give_up(waits({4, 3, 5}, std::move(found).error().text)), false;
  if (!found.value()) return false;
  Node list = node;
  if (!null_sender_) {
    const auto owner = base::istarts_with(name, "owner-") ? "owner-owner" : cat("owner-", name);
    const auto owned = shared_.lookups.alias(owner);
    if (!owned) return give_up(waits({4, 3, 5}, owned.error().text)), false;
    const auto path = Path::parse(store::quoted(owner));
    if (owned.value() && path) list.sender = path.value();
  }
  targets(list, Step::By::alias, *found.value());
  return true;
}

void LineExpander::without_alias(const Node& node) {
  const auto& rules = shared_.rules;
  if (rules.alone || !base::iequals(node.text, "postmaster")) return user(node);
  std::string who = rules.site.postmaster;
  if (base::iequals(who, "postmaster")) who = "root";
  // Nobody else can be reached.
  if (rules.others == Rules::Others::nobody && base::iequals(who, "root")) who = rules.login;
  push({Stage::name, Step::By::postmaster, "", "", step_, node.flags, node.sender, node.user}, who);
}

// `root: postmaster` and nothing besides.
void LineExpander::lost_postmaster(const Node& node) {
  Node root = node;
  root.text = shared_.rules.others == Rules::Others::nobody ? shared_.rules.login : "root";
  user(root);
}

void LineExpander::include(const Node& node) {
  if (!first_time(node)) return loop(node);
  auto list = shared_.lookups.include(node.text);
  if (!list) return give_up(waits({4, 3, 5}, std::move(list).error().text));
  // Its members may be about to come back; nobody is told that they got the message.
  if (list.value().targets.empty())
    return give_up(waits({4, 3, 5}, cat(printable(shown(node)), ": names nobody")));
  targets(node, Step::By::include, list.value());
}

Result<std::optional<base::User>> LineExpander::find_user(const std::string& name) {
  const auto& rules = shared_.rules;
  const bool mine =
      rules.alone && (base::iequals(name, "root") || base::iequals(name, "postmaster"));
  std::string names[] = {mine ? rules.login : name, "", ""};
  names[1] = names[0].substr(0, names[0].find('+', 1));
  names[2] = base::lowered(names[1]);
  std::string before;
  for (const auto& each : names) {
    if (each == before) continue;
    TRY_LET(found, shared_.lookups.user(each));
    if (found) return found;
    before = each;
  }
  return std::optional<base::User>();
}

void LineExpander::user(const Node& node) {
  const auto& all_mail_to = shared_.rules.local.all_mail_to;
  const bool redirected = !all_mail_to.empty() && (node.flags & by_all_mail_to) == 0;
  if (redirected && node.stage != Stage::mailbox)
    return push({Stage::name, Step::By::all_mail_to, "", "", step_, node.flags | by_all_mail_to,
                 node.sender, node.user},
                all_mail_to);
  auto found = find_user(node.text);
  const auto name = store::quoted(node.text);
  if (!found)
    return end(node, RecipientKind::local_user, name,
               waits({4, 3, 0}, std::move(found).error().text));
  if (found.value()) known_user(node, *found.value());
  else unknown_user(node);
}

void LineExpander::known_user(const Node& node, const base::User& user) {
  if (user.uid != shared_.rules.uid) return other_user(node);
  if (shared_.had.contains(base::lowered(delivered_to(user.name, shared_.rules.site))))
    return end(node, RecipientKind::local_user, store::quoted(node.text),
               failed(Cause::loop, cat("mail forwarding loop for ",
                                       delivered_to(user.name, shared_.rules.site))));
  Node mine = node;
  mine.user = user.name;
  if (node.stage == Stage::mailbox || (node.flags & by_forward) != 0)
    return give(mine, RecipientKind::mailbox, store::quoted(user.name));
  forward(mine, user);
}

void LineExpander::forward(const Node& node, const base::User& user) {
  auto list = shared_.lookups.forward(user);
  if (!list)
    return end(node, RecipientKind::local_user, store::quoted(node.text),
               waits({4, 3, 5}, std::move(list).error().text));
  if (!list.value() || list.value()->targets.empty())
    return give(node, RecipientKind::mailbox, store::quoted(user.name));
  Node forwarded = node;
  forwarded.flags |= by_forward;
  targets(forwarded, Step::By::forward, *list.value());
}

void LineExpander::other_user(const Node& node) {
  const auto name = store::quoted(node.text);
  switch (shared_.rules.others) {
    case Rules::Others::handed_over:
      return give(node, RecipientKind::other_user,
                  node.stage == Stage::mailbox ? cat("\\", name) : name);
    case Rules::Others::waiting:
      return end(node, RecipientKind::local_user, name,
                 waits({4, 3, 5}, cat(printable(name),
                                      ": delivery to other users of this machine "
                                      "is not part of this version of postbag")));
    case Rules::Others::nobody:
      return end(node, RecipientKind::local_user, name,
                 failed(Cause::other_user, cat(printable(name),
                                               ": another user of this machine, and there is no "
                                               "system installation of postbag to reach him")));
  }
}

void LineExpander::unknown_user(const Node& node) {
  const auto& unknown = shared_.rules.local.unknown;
  const auto name = store::quoted(node.text);
  const bool again = (node.flags & by_unknown) != 0;
  if (unknown.way == Unknown::Way::bounce || again || node.stage == Stage::mailbox)
    // A kind that stays unknown however often it is expanded.
    return end(node, RecipientKind::mailbox, name,
               failed(Cause::unknown_user, cat("unknown user: \"", printable(node.text), "\"")));
  Node next{Stage::name, Step::By::unknown,       "",          "",
            step_,       node.flags | by_unknown, node.sender, node.user};
  if (unknown.way == Unknown::Way::address) return push(std::move(next), unknown.address);
  const auto& domain = node.domain.empty() ? shared_.rules.site.domain : node.domain;
  give(node, RecipientKind::remote, cat(name, "@", domain));
}

}  // namespace spool
