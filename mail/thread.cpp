#include "mail/thread.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

namespace reader {

namespace {

constexpr auto nobody = std::numeric_limits<std::uint32_t>::max();

// All `<…>` of a field's body: people and programs write words between them.
std::vector<std::string> ids_in(std::string_view body) {
  std::vector<std::string> ids;
  for (;;) {
    const auto begin = body.find('<');
    const auto end = body.find('>', begin);
    if (begin == std::string_view::npos || end == std::string_view::npos) return ids;
    ids.emplace_back(body.substr(begin, end + 1 - begin));
    body.remove_prefix(end + 1);
  }
}

// Every message's parent. One that was followed up to itself would be in a circle; the mark of
// whose ancestors are being looked at keeps the whole walk linear.
std::vector<std::uint32_t> without_circles(std::vector<std::uint32_t> parents) {
  std::vector<std::uint32_t> walk(parents.size(), nobody);
  for (std::uint32_t start = 0; start < parents.size(); ++start) {
    auto at = start;
    while (walk[at] == nobody) {
      walk[at] = start;
      if (parents[at] == nobody) break;
      if (walk[parents[at]] == start) {  // met on this very walk
        parents[at] = nobody;
        break;
      }
      at = parents[at];
    }
  }
  return parents;
}

}  // namespace

Referrer referrer(std::string_view message_id, std::string_view references,
                  std::string_view in_reply_to) {
  auto ids = ids_in(message_id);
  Referrer made{ids.empty() ? std::string() : std::move(ids.front()), ids_in(in_reply_to)};
  for (auto& id : ids_in(references)) made.parents.push_back(std::move(id));
  return made;
}

Threads threads_of(std::span<const Referrer> messages) {
  const auto count = static_cast<std::uint32_t>(messages.size());
  std::unordered_map<std::string_view, std::uint32_t> by_id;
  by_id.reserve(count);
  for (std::uint32_t index = 0; index < count; ++index)
    if (!messages[index].id.empty()) by_id.emplace(messages[index].id, index);

  std::vector<std::uint32_t> parents(count, nobody);
  for (std::uint32_t index = 0; index < count; ++index) {
    const auto& named = messages[index].parents;
    const auto known = std::find_if(named.rbegin(), named.rend(), [&](const auto& id) {
      const auto found = by_id.find(id);
      return found != by_id.end() && found->second != index;
    });
    if (known != named.rend()) parents[index] = by_id.at(*known);
  }
  parents = without_circles(std::move(parents));

  // Children as lists: the first one of each parent, and the next one of each child.
  std::vector<std::uint32_t> first(count, nobody), next(count, nobody);
  std::vector<std::uint32_t> waiting;  // a stack; the topmost is listed next
  for (auto index = count; index-- > 0;) {
    if (parents[index] == nobody) waiting.push_back(index);
    else next[index] = std::exchange(first[parents[index]], index);
  }
  Threads made{{}, std::vector<std::uint32_t>(count, 0)};
  made.order.reserve(count);
  while (!waiting.empty()) {
    const auto index = waiting.back();
    waiting.pop_back();
    made.order.push_back(index);
    const auto begin = static_cast<std::ptrdiff_t>(waiting.size());
    for (auto child = first[index]; child != nobody; child = next[child]) {
      made.depth[child] = made.depth[index] + 1;
      waiting.push_back(child);
    }
    std::reverse(waiting.begin() + begin, waiting.end());
  }
  return made;
}

}  // namespace reader
