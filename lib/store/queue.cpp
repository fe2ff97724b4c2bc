// queue.cpp - names, listings and leases.
#include "lib/store/queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace store {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {
constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
constexpr std::string_view canonical = "0123456789";
}  // namespace

QueueId QueueId::draw(base::Time time, std::uint32_t random) {
  QueueId id;
  const auto micros =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.time_since_epoch().count()));
  for (std::size_t i = 0; i < 11; ++i) id.text_[i] = alphabet[(micros >> (5 * (10 - i))) & 31];
  for (std::size_t i = 0; i < 4; ++i) id.text_[11 + i] = alphabet[(random >> (5 * i)) & 31];
  return id;
}

QueueId QueueId::derived(const QueueId& parent, std::string_view purpose) {
  std::uint64_t micros = 0;
  for (std::size_t i = 0; i < 11; ++i) micros = micros << 5 | (alphabet.find(parent.text_[i]) & 31);
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a: nobody gains by a collision
  for (const auto text : {parent.text(), purpose})
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return draw(base::Time(std::chrono::microseconds(micros + 1)),
              static_cast<std::uint32_t>(hash ^ hash >> 32));
}

std::optional<QueueId> QueueId::parse(std::string_view text) {
  if (text.size() != length || text.find_first_not_of(alphabet) != std::string_view::npos)
    return std::nullopt;
  QueueId id;
  std::copy(text.begin(), text.end(), id.text_.begin());
  return id;
}

std::string EntryName::text() const { return cat(id.text(), ".", generation, "-", size); }

std::optional<EntryName> EntryName::parse(std::string_view text) {
  const auto plain = [](std::string_view digits) {  // one spelling for one number
    return !digits.empty() && digits.find_first_not_of(canonical) == std::string_view::npos &&
           (digits.size() == 1 || digits[0] != '0');
  };
  const auto id = QueueId::parse(text.substr(0, QueueId::length));
  if (!id || text.size() <= QueueId::length || text[QueueId::length] != '.') return std::nullopt;
  std::string_view rest = text.substr(QueueId::length + 1);
  const auto generation = base::take(rest, '-');
  const auto number = base::to_number<std::uint32_t>(generation);
  const auto size = base::to_number<std::uint64_t>(rest);
  if (!plain(generation) || !plain(rest) || !number || !size) return std::nullopt;
  return EntryName{*id, *number, *size};
}

namespace {

Result<> read_names(const Spool& spool, Listing& listing) {
  const std::string what = cat(spool.path(), "/queue");
  // A description of its own: two listings of one process must not share an offset.
  TRY_LET(fd, base::open_at(spool.queue(), ".", O_RDONLY | O_DIRECTORY, 0, what));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.number()), ::closedir);
  if (!directory) return base::system_error(Kind::io, what, "open", errno);
  (void)fd.release();
  for (;;) {
    errno = 0;
    const dirent* item = ::readdir(directory.get());
    if (item == nullptr) break;
    const std::string_view text = item->d_name;
    if (text == "." || text == "..") continue;
    if (const auto name = EntryName::parse(text)) listing.entries.push_back(*name);
    else listing.strange.emplace_back(text);
  }
  if (errno != 0) return base::system_error(Kind::io, what, "read", errno);
  return {};
}

}  // namespace

Result<Listing> list(const Spool& spool) {
  Listing listing;
  TRY(read_names(spool, listing));
  auto& entries = listing.entries;
  std::sort(entries.begin(), entries.end());
  // Sorted by ID, then generation: all but the last of a run are superseded.
  auto kept = entries.begin();
  for (auto it = entries.begin(); it != entries.end(); ++it) {
    const bool last = it + 1 == entries.end() || (it + 1)->id != it->id;
    if (last) *kept++ = *it;
    else listing.superseded.push_back(*it);
  }
  entries.erase(kept, entries.end());
  return listing;
}

namespace {

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Thousands are read for one listing: the words for errors are made only when there is one.
Error entry_error(const Spool& spool, const std::string& name, std::string_view problem) {
  return {Kind::data, cat(spool.named("queue", name), ": ", problem)};
}

// An entry's mtime lies ahead, so that relatime would have every look at it write its inode anew.
// Only its owner may ask that this is left out: in some user namespaces not even root.
Fd open_quietly(int folder, const char* name, int flags) {
  for (int quiet = O_NOATIME;;) {
    Fd fd(::openat(folder, name, flags | quiet));
    if (fd || (errno != EINTR && (errno != EPERM || quiet == 0))) return fd;
    if (errno == EPERM) quiet = 0;
  }
}

Result<Fd> open_entry(const Spool& spool, const std::string& text, const EntryName& name,
                      int access, struct stat& status) {
  const int flags = access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd fd = open_quietly(spool.queue(), text.c_str(), flags);
  if (!fd && errno == ENOENT)
    return Error{Kind::unavailable, cat(spool.named("queue", text), ": not in the queue"), ENOENT};
  if (!fd && errno == ELOOP) return entry_error(spool, text, "a symbolic link");
  if (!fd && (errno == EISDIR || errno == ENXIO))
    return entry_error(spool, text, "not a regular file");
  if (!fd) return base::system_error(spool.named("queue", text), "open", errno);
  if (::fstat(fd.number(), &status) != 0)
    return base::system_error(Kind::io, spool.named("queue", text), "stat", errno);
  if (!S_ISREG(status.st_mode)) return entry_error(spool, text, "not a regular file");
  if (status.st_uid != spool.owner())
    return entry_error(spool, text, cat("belongs to uid ", status.st_uid));
  if (static_cast<std::uint64_t>(status.st_size) != name.size)
    return entry_error(spool, text, cat("its size is ", status.st_size, ", not that of its name"));
  return fd;
}

// The size that the name says bounds what is read, and is what the message must fill.
Result<Entry> read_head(int fd, const Spool& spool, const EntryName& entry_name,
                        const std::string& name, std::string& buffer) {
  std::size_t have = 0;
  for (std::size_t want = 4096;; want *= 4) {
    const std::size_t end = std::min<std::size_t>(want, entry_name.size);
    if (buffer.size() < end) buffer.resize(end);
    const auto got = base::read_at(fd, std::span(buffer).subspan(have, end - have), have, name);
    if (!got)
      return Error{got.error().kind, spool.named("queue", got.error().text),
                   got.error().system_error};
    have += got.value();
    if (head_complete(std::string_view(buffer).substr(0, have))) break;
    if (have < want) return entry_error(spool, name, "the envelope is cut short");
  }
  auto entry = parse_entry(std::string_view(buffer).substr(0, have));
  if (!entry) return entry_error(spool, name, entry.error().text);
  // No checksum covers the facts, and what they say is what is sent: a message cut short must not
  // look whole.
  const auto& parsed = entry.value();
  if (parsed.message_offset + parsed.facts.bytes != entry_name.size)
    return entry_error(spool, name, "its facts are not those of its message");
  return entry;
}

bool locked(int fd) {
  struct flock lock = whole_file(F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

Result<Entry> read_entry(const Spool& spool, const EntryName& name) {
  std::string buffer;
  TRY_LET(snapshot, read_snapshot(spool, name, buffer));
  return std::move(snapshot.entry);
}

Result<Snapshot> read_snapshot(const Spool& spool, const EntryName& name, std::string& buffer) {
  const std::string text = name.text();
  struct stat status;
  TRY_LET(fd, open_entry(spool, text, name, O_RDONLY, status));
  TRY_LET(entry, read_head(fd.number(), spool, name, text, buffer));
  const auto next = std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::microseconds(status.st_mtim.tv_nsec / 1000);
  const bool leased = locked(fd.number());
  return Snapshot{std::move(entry), leased, base::Time(next), std::move(fd)};
}

bool leased(const Spool& spool, const EntryName& name) {
  Fd fd(
      ::openat(spool.queue(), name.text().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && locked(fd.number());
}

Result<std::optional<Lease>> Lease::take(const Spool& spool, const EntryName& name) {
  const std::string text = name.text();
  struct stat mine, there;
  auto opened = open_entry(spool, text, name, O_RDWR, mine);
  if (!opened && opened.error().kind == Kind::unavailable) return std::optional<Lease>();
  if (!opened) return std::move(opened).error();
  Lease lease;
  lease.spool_ = &spool;
  lease.name_ = name;
  lease.fd_ = std::move(opened).value();
  // An open file description lock: it goes with the descriptor wherever that is sent, and with the
  // last holder's death.
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(lease.fd_.number(), F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES) return std::optional<Lease>();
    return base::system_error(spool.named("queue", text), "lock", errno);
  }
  // The former holder may have removed it meanwhile.
  if (::fstatat(spool.queue(), text.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0 ||
      there.st_ino != mine.st_ino)
    return std::optional<Lease>();
  std::string buffer;
  TRY_LET(entry, read_head(lease.fd_.number(), spool, name, text, buffer));
  lease.entry_ = std::move(entry);
  return std::optional<Lease>(std::move(lease));
}

Lease::~Lease() {
  struct flock lock = whole_file(F_UNLCK);
  if (fd_) (void)::fcntl(fd_.number(), F_OFD_SETLK, &lock);
}

Result<> Lease::with_reserve(const std::function<Result<>()>& write) {
  const std::string what = spool_->named("queue", name_.text());
  const auto once = [&]() -> Result<> {
    TRY(write());
    return base::sync_data(fd_.number(), what);
  };
  auto written = once();
  const int number = written ? 0 : written.error().system_error;
  if (number != ENOSPC && number != EDQUOT) return written;
  // Copy-on-write file systems need room even to overwrite: that is what the reserve is for.
  ::unlinkat(spool_->run(), "reserve", 0);
  (void)base::sync(spool_->run(), what);
  return once();
}

Result<> Lease::overwrite(std::string_view text, std::uint64_t offset) {
  return with_reserve([&] {
    return base::write_all_at(fd_.number(), text, offset, spool_->named("queue", name_.text()));
  });
}

// Whole runs of neighbours, one write each.
Result<> Lease::write_statuses(const std::vector<std::size_t>& recipients,
                               const std::string& what) {
  const std::string_view done = entry_.done;
  for (std::size_t i = 0; i < recipients.size();) {
    std::size_t end = i + 1;
    while (end < recipients.size() && recipients[end] == recipients[end - 1] + 1) ++end;
    TRY(base::write_all_at(fd_.number(), done.substr(recipients[i], end - i),
                           entry_.done_offset + recipients[i], what));
    i = end;
  }
  return {};
}

Result<> Lease::record(const std::vector<std::size_t>& recipients, char status) {
  if (recipients.empty()) return {};
  recorded(recipients, status);
  return with_reserve(
      [&] { return write_statuses(recipients, spool_->named("queue", name_.text())); });
}

void Lease::recorded(const std::vector<std::size_t>& recipients, char status) {
  for (const std::size_t i : recipients) entry_.done[i] = status;
}

Result<> Lease::reread_statuses() {
  std::string done(entry_.done.size(), pending);
  TRY_LET(got, base::read_at(fd_.number(), done, entry_.done_offset,
                             spool_->named("queue", name_.text())));
  const bool whole = got == done.size() && done.find_first_not_of(".DBX") == std::string::npos;
  if (!whole) return Error{Kind::io, cat(spool_->named("queue", name_.text()), ": cut short")};
  // Never back: what could not be written is no less true.
  for (std::size_t i = 0; i < done.size(); ++i)
    if (entry_.done[i] == pending) entry_.done[i] = done[i];
  return {};
}

bool Lease::all_done() const { return entry_.done.find(pending) == std::string::npos; }

Result<> Lease::remove() {
  const std::string text = name_.text();
  if (::unlinkat(spool_->queue(), text.c_str(), 0) != 0 && errno != ENOENT)
    return base::system_error(spool_->named("queue", text), "remove", errno);
  ::unlinkat(spool_->why(), std::string(name_.id.text()).c_str(), 0);
  return {};
}

Result<> Lease::set_held(bool held) {
  entry_.held = held;
  return overwrite(held ? "h" : "-", state_offset);
}

Result<> Lease::set_delay_notified() {
  entry_.delay_notified = true;
  return overwrite("w", state_offset + 1);
}

Result<> Lease::set_next_attempt(base::Time time) {
  const auto micros = time.time_since_epoch().count();
  const timespec times[2] = {{0, UTIME_OMIT}, {micros / 1000000, (micros % 1000000) * 1000}};
  if (::futimens(fd_.number(), times) != 0)
    return base::system_error(spool_->named("queue", name_.text()), "set time", errno);
  return {};
}

Result<> make_due(const Spool& spool, const EntryName& name) {
  const std::string text = name.text();
  if (::utimensat(spool.queue(), text.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0 ||
      errno == ENOENT)
    return {};
  return base::system_error(spool.named("queue", text), "set time", errno);
}

Result<> force_next_flush(const Spool& spool) {
  TRY_LET(fd, base::open_at(spool.run(), "forced", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600,
                            spool.named("run", "forced")));
  return fd.close(spool.named("run", "forced"));
}

bool take_force(const Spool& spool) { return ::unlinkat(spool.run(), "forced", 0) == 0; }

void clean_tmp(const Spool& spool, base::Time now) {
  Fd fd(::openat(spool.tmp(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fd ? ::fdopendir(fd.number()) : nullptr,
                                                      ::closedir);
  if (!directory) return;
  (void)fd.release();
  while (const dirent* item = ::readdir(directory.get())) {
    if (item->d_name[0] == '.') continue;
    Fd file(::openat(spool.tmp(), item->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status;
    if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (status.st_mtime > base::seconds(now) - 36 * 3600) continue;
    if (::flock(file.number(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(spool.tmp(), item->d_name, 0);
  }
}

}  // namespace store
