#include "spool/body.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "spool/rewrite.h"

namespace {
using base::cat;
using spool::Job;

class Message {
 public:
  explicit Message(std::string_view text) : file_(::memfd_create("entry", MFD_CLOEXEC)) {
    REQUIRE(base::write_all(file_.number(), text, "entry"));
    store::FactCounter counter;
    counter.append(text);
    job.id = "ID";
    job.sender = rfc::Path::parse("jane@lan.example").value();
    job.recipients = {rfc::Path::parse("a@x.test").value()};
    job.facts = counter.facts();
    job.descriptor = file_.number();
  }
  Job job;

 private:
  base::Fd file_;
};

spool::Capabilities offered(bool eight_bit, bool utf8) {
  spool::Capabilities capabilities;
  capabilities.eight_bit = eight_bit;
  capabilities.utf8 = utf8;
  return capabilities;
}

std::string on_the_wire(const Job& job, const spool::BodyPlan& plan) {
  spool::BodySource source(job, plan);
  std::string out;
  for (bool more = true; more;) {
    const auto went_on = source.next(out);
    REQUIRE(went_on);
    more = went_on.value();
  }
  return out;
}

std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}
}  // namespace

TEST_CASE("body: a header over 1 MiB is neither rewritten nor recoded in part") {
  std::string header = "From: jane@lan.example\nSubject: \xc3\xa9\n";
  while (header.size() < 1'200'000) header += cat("X: ", std::string(500, 'x'), "\n");
  Message message(cat(header, "\nbody\n"));
  spool::Rewriting rewriting;
  rewriting.from = rfc::Path::parse("me@out.test").value();
  message.job.rewriting = &rewriting;
  const auto plan = spool::plan_body(message.job, offered(true, true));
  CHECK_FALSE(plan.refused);
  CHECK_FALSE(plan.header);
  CHECK(on_the_wire(message.job, plan) == cat(crlf(header), "\r\nbody\r\n.\r\n"));
  CHECK(spool::plan_body(message.job, offered(true, false)).refused);
}
