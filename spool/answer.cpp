#include "spool/answer.h"

#include <algorithm>
#include <utility>

namespace spool {

namespace {

std::uint64_t micros(double seconds) { return static_cast<std::uint64_t>(seconds * 1e6); }

void pack_facts(const store::Facts& facts, Packer& packer) {
  packer.number(facts.bytes).number(facts.lines).number(facts.dot_lines).number(facts.longest);
  packer.number(facts.eight_bit_header).number(facts.eight_bit_body);
  packer.number(facts.nul).number(facts.bare_cr);
}

store::Facts unpack_facts(Unpacker& unpacker) {
  store::Facts facts;
  facts.bytes = unpacker.number();
  facts.lines = unpacker.number();
  facts.dot_lines = unpacker.number();
  facts.longest = unpacker.number();
  facts.eight_bit_header = unpacker.number() != 0;
  facts.eight_bit_body = unpacker.number() != 0;
  facts.nul = unpacker.number() != 0;
  facts.bare_cr = unpacker.number() != 0;
  return facts;
}

void pack_outcome(const rfc::Outcome& outcome, Packer& packer) {
  const auto number = [](int value) { return static_cast<std::uint64_t>(value); };
  packer.number(number(static_cast<int>(outcome.kind)));
  packer.number(number(outcome.status.category)).number(number(outcome.status.subject));
  packer.number(number(outcome.status.detail));
  packer.text(outcome.text).text(outcome.reply).text(outcome.host);
}

rfc::Outcome unpack_outcome(Unpacker& unpacker) {
  using Kind = rfc::Outcome::Kind;
  rfc::Outcome outcome;
  const auto number = [&] { return static_cast<int>(unpacker.number()); };
  const int kind = number();
  outcome.kind = kind == 0 ? Kind::delivered : kind == 2 ? Kind::failed : Kind::delayed;
  outcome.status.category = number();
  outcome.status.subject = number();
  outcome.status.detail = number();
  outcome.text = unpacker.text();
  outcome.reply = unpacker.text();
  outcome.host = unpacker.text();
  return outcome;
}

void pack_local(const LocalTarget& local, Packer& packer) {
  packer.number(static_cast<std::uint64_t>(local.kind)).text(local.target).text(local.original);
  packer.text(local.final_address).text(local.notify).text(local.ret).text(local.envid);
  packer.number(local.line);
}

LocalTarget unpack_local(Unpacker& unpacker) {
  LocalTarget local;
  local.kind = static_cast<store::RecipientKind>(unpacker.number());
  local.target = unpacker.text();
  local.original = unpacker.text();
  local.final_address = unpacker.text();
  local.notify = unpacker.text();
  local.ret = unpacker.text();
  local.envid = unpacker.text();
  local.line = unpacker.number();
  return local;
}

}  // namespace

std::string pack_job(const Job& job) {
  Packer packer;
  packer.number(static_cast<std::uint64_t>(FrameKind::job));
  packer.text(job.id).text(job.sender.text()).number(job.message_offset);
  packer.number(job.status_offset).text(job.mail_parameters);
  packer.number(static_cast<std::uint64_t>(job.arrival.time_since_epoch().count()));
  packer.text(job.prefix).number(job.local.has_value());
  if (job.local) pack_local(*job.local, packer);
  pack_facts(job.facts, packer);
  packer.number(job.recipients.size());
  for (std::size_t i = 0; i < job.recipients.size(); ++i)
    packer.text(job.recipients[i].text())
        .text(job.recipient_parameters.empty() ? "" : job.recipient_parameters[i]);
  return packer.bytes();
}

std::optional<Job> unpack_job(Unpacker& unpacker) {
  Job job;
  job.id = unpacker.text();
  auto sender = rfc::Path::parse(unpacker.text());
  job.message_offset = unpacker.number();
  job.status_offset = unpacker.number();
  job.mail_parameters = unpacker.text();
  job.arrival = base::Time(std::chrono::microseconds(unpacker.number()));
  job.prefix = unpacker.text();
  if (unpacker.number() != 0) job.local = unpack_local(unpacker);
  job.facts = unpack_facts(unpacker);
  for (auto left = unpacker.number(); left > 0 && unpacker.ok(); --left) {
    auto path = rfc::Path::parse(unpacker.text());
    if (!path) return std::nullopt;
    job.recipients.push_back(std::move(path).value());
    job.recipient_parameters.push_back(unpacker.text());
  }
  if (!unpacker.ok() || !sender || job.recipients.empty()) return std::nullopt;
  job.sender = std::move(sender).value();
  return job;
}

std::string pack_answer(const Answer& answer) {
  const auto& verdict = answer.verdict;
  Packer packer;
  packer.number(static_cast<std::uint64_t>(FrameKind::answer));
  packer.number(answer.session_failed).number(answer.local_cause).text(answer.relay);
  packer.number(answer.host).number(answer.use).number(answer.recorded);
  packer.number(micros(answer.connect_seconds)).number(micros(answer.transmit_seconds));
  packer.number(verdict.in_doubt).number(verdict.begun).number(verdict.our_setup);
  packer.number(verdict.dsn_offered).number(verdict.left_over.size());
  for (const auto i : verdict.left_over) packer.number(i);
  packer.number(verdict.outcomes.size());
  for (const auto& outcome : verdict.outcomes) pack_outcome(outcome, packer);
  return packer.bytes();
}

std::optional<Answer> unpack_answer(Unpacker& unpacker, std::size_t recipients) {
  Answer answer;
  auto& verdict = answer.verdict;
  answer.session_failed = unpacker.number() != 0;
  answer.local_cause = unpacker.number() != 0;
  answer.relay = unpacker.text();
  answer.host = unpacker.number();
  answer.use = static_cast<unsigned>(unpacker.number());
  answer.recorded = unpacker.number() != 0;
  answer.connect_seconds = static_cast<double>(unpacker.number()) / 1e6;
  answer.transmit_seconds = static_cast<double>(unpacker.number()) / 1e6;
  verdict.in_doubt = unpacker.number() != 0;
  verdict.begun = unpacker.number() != 0;
  verdict.our_setup = unpacker.number() != 0;
  verdict.dsn_offered = unpacker.number() != 0;
  for (auto left = unpacker.number(); left > 0 && unpacker.ok(); --left)
    verdict.left_over.push_back(unpacker.number());
  if (std::any_of(verdict.left_over.begin(), verdict.left_over.end(),
                  [&](std::size_t i) { return i >= recipients; }))
    return std::nullopt;
  if (unpacker.number() != recipients) return std::nullopt;
  for (std::size_t i = 0; i < recipients && unpacker.ok(); ++i)
    verdict.outcomes.push_back(unpack_outcome(unpacker));
  return unpacker.ok() ? std::optional(std::move(answer)) : std::nullopt;
}

}  // namespace spool
