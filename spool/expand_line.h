// expand_line.h - the worklist that expands one recipient line of an entry; a part of expand.h,
// which tells its rules. expand_line.cpp is the walk, expand_stages.cpp what is done at each place.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "spool/expand.h"

namespace spool {

/// By what an address got here; what has been expanded before counts anew behind these.
constexpr unsigned by_forward = 1, by_all_mail_to = 2, by_unknown = 4;

/// Something still to be looked at.
struct Node {
  enum class Stage : char {
    address = 'a',
    name = 'u',
    user = 'l',
    mailbox = 'm',
    include = ':',
    command = '|',
    file = '/'
  };
  Stage stage = Stage::address;
  Step::By by = Step::By::submission;
  std::string text;    ///< an address, a name without quotes, a path, a command
  std::string domain;  ///< of the address that a name or user was; empty: unqualified
  std::size_t parent = Step::none;
  unsigned flags = 0;
  std::optional<rfc::Path> sender = std::nullopt;
  std::string user = {};  ///< Action::user
};

/// What one recipient line takes at most, done and still to be done: each costs memory.
constexpr std::size_t most_steps = 1'000'000;

/// A delay: our own trouble.
rfc::Outcome waits(rfc::EnhancedStatus status, std::string text);

/// As somebody would write it.
std::string shown(const Node& node);

/// What all lines of an entry share.
struct Shared {
  const Rules& rules;
  Lookups& lookups;
  Expansion& expansion;
  std::unordered_set<std::string> had;                 ///< Delivered-To, lower-case
  std::unordered_set<std::string> given;               ///< key_of() what leads on already
  std::unordered_set<std::string> ended;               ///< key_of() what waits or fails
  std::unordered_map<std::string, std::size_t> lines;  ///< pending recipients by key_of()
};

/// One text for actions that are the same but for the case of a domain.
std::string key_of(store::RecipientKind kind, const std::string& address);

/// Whether a line of this kind is not expanded any further.
bool is_final(store::RecipientKind kind);

/// Expands one recipient line.
class LineExpander {
 public:
  LineExpander(Shared& shared, const store::Recipient& recipient, bool null_sender)
      : shared_(shared),
        recipient_(recipient),
        null_sender_(null_sender),
        first_step_(shared.expansion.steps.size()) {}

  /// What the recipient of this index leads to.
  Line run(std::size_t index);

 private:
  using Stage = Node::Stage;

  Line line(std::size_t index);
  bool leave_to_others(std::size_t index);
  // Where it begins.
  void begin();
  void begin_with_name(Stage stage, const rfc::Path& path);
  // Stages.
  void expand(const Node& node);
  void address(const Node& node, const rfc::Path& path);
  void away_or_here(const Node& node, const rfc::Path& path);
  void name(const Node& node);
  bool alias(const Node& node, std::string_view name);
  void without_alias(const Node& node);
  void user(const Node& node);
  void known_user(const Node& node, const base::User& user);
  void forward(const Node& node, const base::User& user);
  void other_user(const Node& node);
  void unknown_user(const Node& node);
  void include(const Node& node);
  void lost_postmaster(const Node& node);
  // Their tools.
  void new_step(Step::By by, std::size_t parent, std::string text);
  base::Result<std::optional<base::User>> find_user(const std::string& name);
  void targets(const Node& from, Step::By by, const Listed& listed);
  void target(const Node& from, Step::By by, const store::Target& target);
  void push(Node node, std::string_view address);
  static std::string mark(const Node& node);
  bool first_time(const Node& node);
  bool below(std::size_t ancestor) const;
  void productive();
  void loop(const Node& node);
  void settle_loops();
  // Results.
  void give(const Node& from, store::RecipientKind kind, std::string address);
  void end(const Node& from, store::RecipientKind kind, std::string address, rfc::Outcome outcome);
  void give_up(rfc::Outcome outcome);
  void too_deep(const Node& node);
  void too_many();

  Shared& shared_;
  const store::Recipient& recipient_;
  bool null_sender_;
  std::size_t first_step_;
  std::size_t step_ = 0;  // of the node at hand
  std::vector<Node> open_;
  std::vector<bool> productive_;                       // by step, from first_step_ on
  std::unordered_map<std::string, std::size_t> seen_;  // what was expanded, at which step
  std::vector<std::pair<std::size_t, Node>> loops_;    // and the step where each began
  std::unordered_set<std::string> mine_;
  std::vector<Action> actions_;
  bool thinned_ = false;
  std::optional<rfc::Outcome> whole_;  // of all of the line
};

}  // namespace spool
