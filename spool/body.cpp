#include "spool/body.h"

#include <algorithm>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "spool/cause.h"
#include "spool/header_fit.h"
#include "spool/rewrite.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using rfc::Outcome;

namespace {

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t longest_header = 1 << 20;
constexpr std::size_t final_dot = 3;  // ".CRLF"

bool has_eight_bit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), base::eight_bit);
}

std::uint64_t wire_size(std::string_view text) {
  return text.size() + static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has_long_line(std::string_view text) {
  while (!text.empty())
    if (base::take(text, '\n').size() > largest_line) return true;
  return false;
}

// The header with its last LF, without the empty line; empty when it does not end within the limit.
Result<std::string> read_header(const Job& job) {
  std::string text;
  std::size_t end = std::string::npos;
  for (std::size_t size = piece_size; end == std::string::npos; size *= 4) {
    const auto before = text.size();
    const auto all = std::min<std::uint64_t>(std::min(size, longest_header), job.facts.bytes);
    if (all == before) {
      const bool whole = all == job.facts.bytes;  // else there is more of it
      return whole ? std::exchange(text, {}) : std::string();
    }
    text.resize(all);
    TRY_LET(got, base::read_at(job.descriptor, std::span(text).subspan(before),
                               job.message_offset + before, cat("entry ", job.id)));
    text.resize(before + got);
    if (got < all - before)
      return Error{Kind::data, cat("entry ", job.id, ": shorter than it was")};
    if (text.starts_with('\n')) return std::string();
    end = text.find("\n\n", before == 0 ? 0 : before - 1);
  }
  text.resize(end + 1);
  return text;
}

}  // namespace

EntryText::EntryText(const Job& job, const BodyPlan& plan)
    : job_(job),
      plan_(plan),
      prefix_done_(job.prefix.empty()),
      header_done_(!plan.header),
      at_(job.message_offset + (plan.header ? plan.header_bytes : 0)),
      end_(job.message_offset + job.facts.bytes),
      piece_(piece_size, '\0') {}

Result<std::string_view> EntryText::next() {
  if (!std::exchange(prefix_done_, true)) return std::string_view(job_.prefix);
  if (!std::exchange(header_done_, true) && !plan_.header->empty())
    return std::string_view(*plan_.header);
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, end_ - at_));
  TRY_LET(got, base::read_at(job_.descriptor, std::span(piece_).first(want), at_,
                             cat("entry ", job_.id)));
  if (got < want) return Error{Kind::data, cat("entry ", job_.id, ": shorter than it was")};
  at_ += got;
  return std::string_view(piece_).substr(0, got);
}

namespace {

/// Makes a plan step by step.
class Planner {
 public:
  Planner(const Job& job, const Capabilities& offered)
      : job_(job), offer_{offered.eight_bit, offered.utf8 && offered.eight_bit} {}

  BodyPlan plan() {
    const auto& facts = job_.facts;
    plan_.sender = job_.sender;
    plan_.size = wire_size(job_.prefix) + facts.bytes + facts.lines;
    header_eight_bit_ = facts.eight_bit_header;
    eight_bit_ = facts.eight_bit_body;
    auto made = make();
    if (!made)
      plan_.refused =
          Outcome{Outcome::Kind::delayed, {4, 3, 0}, base::printable(made.error().text)};
    plan_.utf8 = header_eight_bit_ && offer_.utf8;
    plan_.eight_bit = eight_bit_ || plan_.utf8;
    return std::move(plan_);
  }

 private:
  Result<> make() {
    const auto& facts = job_.facts;
    if (job_.rewriting != nullptr && job_.rewriting->any()) TRY(rewrite());
    const bool text_fits = !facts.nul && !facts.bare_cr && facts.longest <= largest_line &&
                           (offer_.eight_bit || !facts.eight_bit_body) &&
                           !(plan_.header && has_long_line(*plan_.header));
    if (!text_fits) return recode();
    if (header_eight_bit_ && !offer_.utf8) return recode_header();
    return {};
  }

  Result<> rewrite() {
    TRY_LET(header, read_header(job_));
    const PartHeader part = part_header(header, false);
    const bool is_signed = part.sealed || part.signature;
    plan_.sender = rewritten_sender(job_.sender, *job_.rewriting, is_signed);
    auto other = rewritten_header(header, *job_.rewriting, is_signed);
    if (other != header) replace_header(header, std::move(other));
    return {};
  }

  void replace_header(const std::string& before, std::string after) {
    plan_.size += wire_size(after) - wire_size(before);
    if (!plan_.header) plan_.header_bytes = before.size();
    header_eight_bit_ = has_eight_bit(after);
    plan_.header = std::move(after);
  }

  // The body goes as it is.
  Result<> recode_header() {
    std::string header;
    if (plan_.header) header = *plan_.header;
    else {
      TRY_LET(text, read_header(job_));
      header = std::move(text);
    }
    RecodeScanner scanner(offer_);
    scanner.append(header);
    const RecodePlan recoding = scanner.finish();
    if (header.empty() || !recoding.refused.empty()) return recode();
    Recoder recoder(recoding.edits);
    std::string fitted;
    recoder.append(header, fitted);
    recoder.finish(fitted);
    replace_header(header, std::move(fitted));
    return {};
  }

  Result<> recode() {
    RecodeScanner scanner(offer_);
    EntryText text(job_, plan_);
    for (;;) {
      TRY_LET(piece, text.next());
      if (piece.empty()) break;
      scanner.append(piece);
    }
    RecodePlan recoding = scanner.finish();
    if (!recoding.refused.empty()) refuse(recoding);
    plan_.edits = std::move(recoding.edits);
    eight_bit_ = recoding.eight_bit;
    return measure();
  }

  void refuse(const RecodePlan& recoding) {
    const bool address = recoding.address;
    plan_.refused =
        failed(address ? Cause::needs_utf8 : Cause::cannot_convert,
               cat(address ? "the server does not offer SMTPUTF8, which is needed by "
                           : "the server cannot take the message as it is, and what may not be "
                             "recoded is ",
                   recoding.refused));
  }

  Result<> measure() {
    EntryText text(job_, plan_);
    Recoder recoder(plan_.edits);
    DotStuffer stuffer;
    plan_.size = 0;
    std::string recoded, wire;
    for (bool more = true; more;) {
      TRY_LET(piece, text.next());
      more = !piece.empty();
      recoded.clear();
      wire.clear();
      if (more) recoder.append(piece, recoded);
      else recoder.finish(recoded);
      stuffer.append(recoded, wire);
      plan_.size -= more ? 0 : stuffer.stuffed();
      if (!more) stuffer.finish(wire);
      plan_.size += wire.size();
    }
    plan_.size -= final_dot;
    return {};
  }

  const Job& job_;
  Offer offer_;
  BodyPlan plan_;
  bool header_eight_bit_ = false, eight_bit_ = false;
};

}  // namespace

BodyPlan plan_body(const Job& job, const Capabilities& offered) {
  return Planner(job, offered).plan();
}

BodySource::BodySource(const Job& job, const BodyPlan& plan)
    : entry_(job, plan), recode_(!plan.edits.empty()), recoder_(plan.edits) {}

Result<bool> BodySource::next(std::string& text) {
  TRY_LET(piece, entry_.next());
  std::string recoded;
  if (recode_) recoder_.append(piece, recoded);
  if (recode_ && entry_.ended()) recoder_.finish(recoded);
  stuffer_.append(recode_ ? std::string_view(recoded) : piece, text);
  if (!entry_.ended()) return true;
  stuffer_.finish(text);  // the final dot rides along
  return false;
}

}  // namespace spool
