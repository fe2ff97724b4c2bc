#include "newaliases/compile.h"

#include <poll.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/alias_database.h"
#include "lib/store/aliases.h"

namespace newaliases {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

// Somebody must look at the file; another try would find the same.
Error explained(Error error) {
  if (error.system_error == ENOENT) error.kind = Kind::no_input;
  if (error.system_error == EACCES || error.system_error == EPERM) error.kind = Kind::no_permission;
  return error;
}

Result<struct stat> status_of(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) return status;
  return base::system_error(Kind::io, path, "open", errno);
}

// File systems tell times by the kernel's tick: a text written twice within one looks the same.
// Waits until a later change must show.
void outlive_tick(const struct stat& text, base::Time (*clock)()) {
  constexpr std::chrono::milliseconds two_ticks(20);
  const auto written = base::Time(std::chrono::seconds(text.st_mtim.tv_sec)) +
                       std::chrono::microseconds(text.st_mtim.tv_nsec / 1000);
  const auto age = clock() - written;
  if (age < std::chrono::microseconds(0) || age >= two_ticks) return;
  (void)::poll(nullptr, 0, static_cast<int>(two_ticks.count()));
}

Result<Compiled> compile_file(const std::string& path, base::Time (*clock)()) {
  TRY(status_of(path));
  TRY_LET(draft, store::AliasDatabaseDraft::create(path));
  // Behind the lock: who waited for another newaliases reads what is there now.
  TRY_LET(before, status_of(path));
  TRY_LET(text, base::read_file(path, store::largest_text));
  store::AliasReader reader(text, path);
  while (const auto alias = reader.next()) TRY(draft.add(alias->name, alias->targets));
  Compiled compiled{reader.count(), reader.mistakes()};
  if (!compiled.mistakes.empty()) return compiled;
  outlive_tick(before, clock);
  TRY_LET(after, status_of(path));
  if (store::stamp_of(before) != store::stamp_of(after))
    return Error{Kind::retry, cat(path, ": was changed while it was read; try again")};
  TRY(std::move(draft).commit(before));
  return compiled;
}

}  // namespace

Result<Compiled> compile(const std::string& path, base::Time (*clock)()) {
  auto compiled = compile_file(path, clock);
  if (compiled) return compiled;
  return explained(std::move(compiled).error());
}

}  // namespace newaliases
