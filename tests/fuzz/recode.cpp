// recode.cpp - a message made to fit a server. The first byte gives the size of the pieces and what
// the server takes.
#include "spool/recode.h"

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "spool/header_fit.h"
#include "tests/fuzz/require.h"

namespace {
spool::RecodePlan planned(std::string_view text, spool::Offer offer, std::size_t piece) {
  spool::RecodeScanner scanner(offer);
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    scanner.append(text.substr(0, piece));
  return scanner.finish();
}

std::string recoded(std::string_view text, const spool::RecodePlan& plan, std::size_t piece) {
  spool::Recoder recoder(plan.edits);
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    recoder.append(text.substr(0, piece), out);
  recoder.finish(out);
  return out;
}

std::string on_the_wire(std::string_view text) {
  spool::DotStuffer stuffer;
  std::string out;
  stuffer.append(text, out);
  stuffer.finish(out);
  return out;
}

/// As the other side stores it: without the final dot, stuffing and CR.
std::string stored(std::string_view wire) {
  std::string out;
  wire.remove_suffix(3);
  while (!wire.empty()) {
    auto line = base::take(wire, '\n');
    line.remove_suffix(1);
    if (line.starts_with('.')) line.remove_prefix(1);
    out.append(line).push_back('\n');
  }
  return out;
}

bool same(const spool::RecodePlan& a, const spool::RecodePlan& b) {
  return a.refused == b.refused && a.address == b.address && a.eight_bit == b.eight_bit &&
         std::equal(a.edits.begin(), a.edits.end(), b.edits.begin(), b.edits.end(),
                    [](const spool::Edit& x, const spool::Edit& y) {
                      return x.begin == y.begin && x.end == y.end && x.kind == y.kind &&
                             x.encoding == y.encoding;
                    });
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const spool::Offer offer{(data[0] & 1) != 0, (data[0] & 3) == 3};
  const std::size_t piece = data[0] / 4 + 1U;
  std::string text(text_of(data + 1, size - 1));
  if (!text.ends_with('\n')) text.push_back('\n');  // as sendmail stores it
  const auto plan = planned(text, offer, std::string::npos);
  require(same(planned(text, offer, piece), plan), "pieces make no difference to the plan");
  std::uint64_t end = 0;
  for (const auto& edit : plan.edits) {
    require(edit.begin >= end && edit.end >= edit.begin, "changes are in order and apart");
    end = edit.end;
  }
  require(end <= text.size(), "changes lie within the text");
  if (!plan.refused.empty()) return 0;
  const auto once = recoded(text, plan, std::string::npos);
  require(recoded(text, plan, piece) == once, "pieces make no difference to the text");
  require(!plan.edits.empty() || once == text, "without a change the text stays");
  const auto taken = stored(on_the_wire(once));
  require(taken.find('\0') == std::string::npos, "no NUL is left");
  if (!offer.eight_bit)
    require(std::none_of(taken.begin(), taken.end(), base::eight_bit), "7 bits are enough");
  const auto again = planned(taken, offer, piece);
  require(again.refused.empty() && again.edits.empty(), "recoding is idempotent");
  return 0;
}
