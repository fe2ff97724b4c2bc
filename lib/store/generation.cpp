// generation.cpp - another envelope for a message that is in the queue already.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/queue.h"

namespace store {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

/// A file in tmp/ that is gone when it was not moved elsewhere.
class Scratch {
 public:
  static Result<Scratch> create(const Spool& spool, base::Time time) {
    for (int attempt = 0;; ++attempt) {
      std::uint32_t random = 0;
      while (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
        if (errno != EINTR)
          return base::system_error(Kind::retry, "random number", "getrandom", errno);
      std::string name(QueueId::draw(time, random).text());
      Fd fd(::openat(spool.tmp(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                     0600));
      if (fd) return Scratch(spool, std::move(name), std::move(fd));
      if ((errno != EEXIST && errno != EINTR) || attempt >= 20)
        return base::system_error(cat(spool.path(), "/tmp"), "create", errno);
    }
  }
  Scratch(Scratch&& other) noexcept
      : spool_(other.spool_),
        name_(std::exchange(other.name_, std::string())),
        fd_(std::move(other.fd_)) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    if (!name_.empty()) ::unlinkat(spool_.tmp(), name_.c_str(), 0);
  }

  int number() const { return fd_.number(); }

  /// Whoever writes is told here what writing behind its back has met. The file stays locked: its
  /// description lives on.
  Result<> close(const std::string& what) {
    Fd second(::fcntl(fd_.number(), F_DUPFD_CLOEXEC, 3));
    if (!second) return base::system_error(what, "dup", errno);
    auto closed = fd_.close(what);
    fd_ = std::move(second);
    return closed;
  }

  Result<Fd> enter_queue(const std::string& as) {
    const bool renamed =
        ::renameat2(spool_.tmp(), name_.c_str(), spool_.queue(), as.c_str(), RENAME_NOREPLACE) == 0;
    if (!renamed) {
      const int number = errno;
      const bool unknown = number == ENOSYS || number == EINVAL;  // a file system without it
      if (!unknown || ::linkat(spool_.tmp(), name_.c_str(), spool_.queue(), as.c_str(), 0) != 0)
        return base::system_error(spool_.named("queue", as), "rename", unknown ? errno : number);
      ::unlinkat(spool_.tmp(), name_.c_str(), 0);
    }
    name_.clear();
    return std::move(fd_);
  }

 private:
  Scratch(const Spool& spool, std::string name, Fd fd)
      : spool_(spool), name_(std::move(name)), fd_(std::move(fd)) {}
  const Spool& spool_;
  std::string name_;
  Fd fd_;
};

/// The head of the next generation, and what it says as a reader will find it.
struct Head {
  std::string text;
  Entry entry;
};

Result<Head> next_head(const Entry& entry, const Envelope& envelope, std::string_view statuses) {
  TRY_LET(text, entry_head(envelope, entry.facts));
  text += entry_pad(6);
  text.replace(state_offset, 2, cat(entry.held ? "h" : "-", entry.delay_notified ? "w" : "-"));
  TRY_LET(parsed, parse_entry(text));
  if (statuses.size() != parsed.done.size() ||
      statuses.find_first_not_of(".DBX") != std::string_view::npos)
    return Error{Kind::data, "not one status a recipient"};
  text.replace(parsed.done_offset, statuses.size(), statuses);
  parsed.done = statuses;
  return Head{std::move(text), std::move(parsed)};
}

Result<> copy(int from, std::uint64_t at, std::uint64_t end, int to, const std::string& what) {
  char piece[65536];
  while (at < end) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(sizeof piece, end - at));
    TRY_LET(got, base::read_at(from, std::span(piece, want), at, what));
    if (got == 0) return Error{Kind::io, cat(what, ": the message is cut short")};
    TRY(base::write_all(to, {piece, got}, what));
    at += got;
  }
  return {};
}

// Leased before anybody can find it: nobody else gets between the two generations. And locked as a
// draft is, so that a slow writer's file is not swept from tmp/.
Result<> lock_both_ways(int fd, const std::string& what) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) return base::system_error(what, "lock", errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno != EINTR && errno != ENOLCK)
    return base::system_error(what, "lock", errno);
  return {};
}

Result<> same_time(int from, int to, const std::string& what) {
  struct stat status;
  if (::fstat(from, &status) != 0) return base::system_error(Kind::io, what, "stat", errno);
  const timespec times[2] = {{0, UTIME_OMIT}, status.st_mtim};
  if (::futimens(to, times) != 0) return base::system_error(what, "set time", errno);
  return {};
}

}  // namespace

Result<> Lease::replace(const Envelope& envelope, std::string_view statuses) {
  const std::string what = spool_->named("queue", name_.text());
  TRY_LET(head, next_head(entry_, envelope, statuses));
  TRY_LET(scratch, Scratch::create(*spool_, envelope.arrival));
  TRY(lock_both_ways(scratch.number(), what));
  TRY(base::write_all(scratch.number(), head.text, what));
  TRY(copy(fd_.number(), entry_.message_offset, name_.size, scratch.number(), what));
  TRY(same_time(fd_.number(), scratch.number(), what));
  TRY(base::sync(scratch.number(), what));
  TRY(scratch.close(what));
  const EntryName next{name_.id, name_.generation + 1, head.text.size() + entry_.facts.bytes};
  const std::string older = name_.text();
  TRY_LET(fd, scratch.enter_queue(next.text()));
  if (auto synced = base::sync(spool_->queue(), cat(spool_->path(), "/queue")); !synced) {
    // Whether the name would survive is unknown, so it must not stay: the older one goes on.
    ::unlinkat(spool_->queue(), next.text().c_str(), 0);
    return std::move(synced).error();
  }
  // From here on the new one counts.
  // Reasons are told by recipient, and these are others.
  ::unlinkat(spool_->why(), std::string(name_.id.text()).c_str(), 0);
  fd_ = std::move(fd);
  name_ = next;
  entry_ = std::move(head.entry);
  // Were the older one left alone when this one has gone, it would be sent once more. So it is gone
  // for good, or nothing is sent: whoever takes the message next removes it first.
  if (::unlinkat(spool_->queue(), older.c_str(), 0) != 0 && errno != ENOENT)
    return base::system_error(spool_->named("queue", older), "remove", errno);
  return base::sync(spool_->queue(), cat(spool_->path(), "/queue"));
}

}  // namespace store
