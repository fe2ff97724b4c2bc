// transaction_bed.h - a session over a scripted server, and messages for it.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "spool/transaction.h"
#include "tests/unit/spool/scripted_server.h"

namespace {
using base::cat;
using rfc::Outcome;
using spool::Job;
using spool::Session;
using Lines = std::vector<std::string>;
using Kind = Outcome::Kind;

constexpr std::string_view everything =
    "250-x\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN";

/// A message in a file, behind something that is not part of it.
class Message {
 public:
  explicit Message(std::string_view text, const Lines& recipients = {"a@x.test", "b@x.test"}) {
    file_ = base::Fd(::memfd_create("entry", MFD_CLOEXEC));
    REQUIRE(base::write_all(file_.number(), cat("envelope\n\n", text), "entry"));
    store::FactCounter counter;
    counter.append(text);
    job.id = "ID";
    job.sender = rfc::Path::parse("jane@lan.example").value();
    for (const auto& each : recipients) job.recipients.push_back(rfc::Path::parse(each).value());
    job.facts = counter.facts();
    job.descriptor = file_.number();
    job.message_offset = 10;
  }
  Job job;

 private:
  base::Fd file_;
};

struct Bed {
  explicit Bed(std::string_view ehlo = everything) { server.replies["EHLO"] = ehlo; }
  void greet() {
    REQUIRE(session.greet("me.test"));
    server.commands.clear();
    server.sends.clear();
  }
  ScriptedServer server;
  int finishing = 0;
  const Job* next = nullptr;  // the job that follows
  bool recordable = true;     // whether texts may leave
  Session session{server, "peer[1.2.3.4]:25", spool::Timeouts{},
                  spool::SessionHooks{[this]() -> base::Result<> {
                                        if (recordable) return {};
                                        return base::Error{base::Kind::retry, "not recorded"};
                                      },
                                      [this]() -> base::Result<> {
                                        ++finishing;
                                        return {};
                                      },
                                      [this] { return next; }}};
};

std::string shown(const Outcome& outcome) {
  const char* const kinds[] = {"delivered ", "delayed ", "failed "};
  return cat(kinds[static_cast<int>(outcome.kind)], outcome.status.text());
}

Lines shown(const spool::Verdict& verdict) {
  Lines list;
  for (const auto& outcome : verdict.outcomes) list.push_back(shown(outcome));
  return list;
}

const std::string text = "Subject: x\n\n.dot\nbody\n";
const std::string wire = "Subject: x\r\n\r\n..dot\r\nbody\r\n";
constexpr std::string_view plain_ehlo = "250 x";
}  // namespace
