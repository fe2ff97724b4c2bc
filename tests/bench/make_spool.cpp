// make_spool - a spool full of valid entries, quickly: none is synced. Their next attempt is an
// hour and more away, so that a flush finds nothing due.
//
//   make_spool FOLDER COUNT
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/queue.h"

namespace {

using base::cat;
using base::Result;

constexpr const char* address = "jane.doe@example.org";

Result<> make_entry(const store::Spool& spool, base::Time arrival, std::uint32_t number) {
  const std::string message =
      cat("Received: by box.example (postbag, from userid 1000)\nSubject: number ", number,
          "\nFrom: root <root@box.example>\nTo: ", address, "\n\nhello\n");
  store::FactCounter counter;
  counter.append(message);
  store::Envelope envelope;
  envelope.arrival = arrival;
  envelope.uid = spool.owner();
  TRY_LET(sender, rfc::Path::parse("root@box.example"));
  envelope.senders.push_back({sender, "", ""});
  store::Recipient recipient;
  recipient.original = recipient.address = address;
  envelope.recipients.push_back(recipient);
  TRY_LET(head, store::entry_head(envelope, counter.facts()));
  const std::string text = cat(head, store::entry_pad(120), message);
  const auto name = store::EntryName{store::QueueId::draw(arrival, number), 0, text.size()}.text();
  TRY_LET(fd, base::open_at(spool.queue(), name, O_WRONLY | O_CREAT | O_EXCL, 0600, name));
  TRY(base::write_all(fd.number(), text, name));
  const timespec next{base::seconds(base::now()) + 3600 + number % 3600, 0};
  const timespec times[2] = {next, next};
  if (::futimens(fd.number(), times) != 0) return base::system_error(name, "set time", errno);
  return fd.close(name);
}

Result<> make_spool(const std::string& path, std::uint32_t count) {
  TRY_LET(spool, store::Spool::create(path, ::geteuid()));
  const auto first = base::now() - std::chrono::seconds(count);
  for (std::uint32_t number = 0; number < count; ++number)
    TRY(make_entry(spool, first + std::chrono::seconds(number), number));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc == 3 ? base::to_number<std::uint32_t>(argv[2]) : std::nullopt;
  if (!count) return 64;
  const auto made = make_spool(argv[1], *count);
  if (!made) std::fprintf(stderr, "make_spool: %s\n", made.error().text.c_str());
  return made ? 0 : 74;
}
