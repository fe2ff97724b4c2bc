#include "spool/body.h"

#include <algorithm>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t longest_header = 1 << 20;  // one that is larger is not recoded

// The header with its last LF, without the empty line; empty when it does not end within the limit.
std::string read_header(const Job& job) {
  std::string text(std::min<std::uint64_t>(longest_header, job.facts.bytes), '\0');
  const auto got = base::read_at(job.descriptor, text, job.message_offset, "entry");
  text.resize(got ? got.value() : 0);
  if (text.starts_with('\n')) return {};
  const auto end = text.find("\n\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

}  // namespace

BodyPlan plan_body(const Job& job, bool eight_bit_offered) {
  const auto& facts = job.facts;
  BodyPlan plan{TransferEncoding::none, facts.bytes + facts.lines};
  const bool fits = !facts.nul && !facts.bare_cr && facts.longest <= 998 &&
                    (eight_bit_offered || !facts.eight_bit_body);
  if (fits) return plan;
  const std::string header = read_header(job);
  const MimeFacts mime = mime_facts(header);
  if (header.empty() || !mime.leaf || !mime.identity || mime.signed_or_encrypted) return plan;
  plan.encoding = facts.nul ? TransferEncoding::base64 : TransferEncoding::quoted_printable;
  return plan;
}

BodySource::BodySource(const Job& job, const BodyPlan& plan)
    : job_(job),
      encoder_(plan.encoding),
      recode_(plan.encoding != TransferEncoding::none),
      at_(job.message_offset),
      end_(job.message_offset + job.facts.bytes),
      piece_(piece_size, '\0') {
  if (!recode_) return;
  const std::string header = read_header(job);
  std::string wire;
  stuffer_.append(cat(with_transfer_encoding(header, plan.encoding), "\n"), wire);
  head_ = std::move(wire);
  at_ += header.size() + 1;
}

Result<bool> BodySource::next(std::string& text) {
  text.append(std::exchange(head_, {}));
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, end_ - at_));
  TRY_LET(got, base::read_at(job_.descriptor, std::span(piece_).first(want), at_,
                             cat("entry ", job_.id)));
  if (got < want) return Error{Kind::data, cat("entry ", job_.id, ": shorter than it was")};
  at_ += got;
  const auto piece = std::string_view(piece_).substr(0, got);
  std::string encoded;
  if (recode_) encoder_.append(piece, encoded);
  if (recode_ && at_ == end_) encoder_.finish(encoded);
  stuffer_.append(recode_ ? std::string_view(encoded) : piece, text);
  if (at_ < end_) return true;
  stuffer_.finish(text);
  return false;
}

}  // namespace spool
