// draft.cpp - a message on its way into the queue.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

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

constexpr std::size_t buffer_size = 64 * 1024;

Result<std::uint32_t> random_number() {
  std::uint32_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number))
    if (errno != EINTR) return base::system_error(Kind::retry, "random number", "getrandom", errno);
  return number;
}

}  // namespace

Draft::~Draft() {
  if (!tmp_name_.empty() && spool_ != nullptr) ::unlinkat(spool_->tmp(), tmp_name_.c_str(), 0);
}

Result<> Draft::draw_name(const Spool& spool) {
  for (int attempt = 0;; ++attempt) {
    TRY_LET(random, random_number());
    id_ = QueueId::draw(time_, random);
    const std::string name(id_.text());
    fd_ = Fd(::openat(spool.tmp(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                      0600));
    if (fd_) {
      spool_ = &spool;
      tmp_name_ = name;
      return {};
    }
    if ((errno != EEXIST && errno != EINTR) || attempt >= 20)
      return base::system_error(what_, "create", errno);
  }
}

Result<Draft> Draft::create(const Spool& spool, base::Time time) {
  Draft draft(time, cat(spool.path(), "/tmp"));
  TRY(draft.draw_name(spool));
  if (::fchmod(draft.fd_.number(), 0600) != 0)
    return base::system_error(draft.what_, "chmod", errno);
  // Nobody else looks at a file this young; the lock keeps a slow writer's file from being swept.
  if (::flock(draft.fd_.number(), LOCK_EX | LOCK_NB) != 0 && errno != EINTR && errno != ENOLCK)
    return base::system_error(draft.what_, "lock", errno);
  return draft;
}

Result<Draft> Draft::create_as(const Spool& spool, const QueueId& id) {
  // A name in tmp/ is random all the same: a draft of that ID may lie there from a run that died.
  TRY_LET(draft, create(spool, base::Time()));
  draft.id_ = id;
  draft.fixed_id_ = true;
  return draft;
}

Result<Draft> Draft::create_in_memory(base::Time time) {
  Draft draft(time, "memory");
  TRY_LET(random, random_number());
  draft.id_ = QueueId::draw(time, random);
  draft.fd_ = Fd(::memfd_create("message", MFD_CLOEXEC));
  if (!draft.fd_) return base::system_error(draft.what_, "create", errno);
  return draft;
}

Result<> Draft::begin(const Envelope& envelope, std::string_view top, std::size_t late_room) {
  TRY_LET(head, entry_head(envelope, {}));
  top_ = top;
  late_room_ = late_room;
  slot_offset_ = head.size();
  buffer_ = std::move(head);
  buffer_ += entry_pad(late_room + 6);
  if (const auto at = top.find(id_.text()); at != std::string_view::npos)
    id_offset_ = buffer_.size() + at;
  return append(top);
}

Result<> Draft::append(std::string_view text) {
  finished_ = false;
  counter_.append(text);
  buffer_.append(text);  // all of it first: a write that fails must not lose what the caller will
                         // not say again
  return buffer_.size() < buffer_size ? Result<>() : flush();
}

Result<> Draft::flush() {
  // Piece by piece, so that after a failure buffer_ still is exactly what the file lacks.
  while (!buffer_.empty()) {
    const auto count =
        ::pwrite(fd_.number(), buffer_.data(), buffer_.size(), static_cast<off_t>(written_));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return base::system_error(what_, "write", count < 0 ? errno : ENOSPC);
    written_ += static_cast<std::uint64_t>(count);
    buffer_.erase(0, static_cast<std::size_t>(count));
  }
  return {};
}

Result<> Draft::patch(std::uint64_t offset, std::string_view text) {
  if (offset >= written_) {
    buffer_.replace(offset - written_, text.size(), text);
    return {};
  }
  if (offset + text.size() > written_) TRY(flush());
  return base::write_all_at(fd_.number(), text, offset, what_);
}

Result<> Draft::finish(std::string_view late) {
  if (late.size() > late_room_) return Error{Kind::software, "late header fields do not fit"};
  if (!late.empty()) {
    // The pad gives way to the late fields: all other bytes keep their places.
    const std::string slot = cat(entry_pad(late_room_ - late.size() + 6), top_, late);
    TRY(patch(slot_offset_, slot));
    if (!late_counted_) {
      if (id_offset_ != 0) id_offset_ -= late.size();
      counter_.append_header(late);
      late_counted_ = true;
    }
  }
  TRY(patch(facts_offset, facts_line(counter_.facts())));
  TRY(flush());
  finished_ = true;
  return {};
}

Result<> Draft::rename_new() {
  queue_name_ = EntryName{id_, 0, written_}.text();
  if (::renameat2(spool_->tmp(), tmp_name_.c_str(), spool_->queue(), queue_name_.c_str(),
                  RENAME_NOREPLACE) == 0)
    return {};
  if (errno == ENOSYS || errno == EINVAL) {  // a file system without it
    if (::linkat(spool_->tmp(), tmp_name_.c_str(), spool_->queue(), queue_name_.c_str(), 0) == 0) {
      ::unlinkat(spool_->tmp(), tmp_name_.c_str(), 0);
      return {};
    }
  }
  return base::system_error(what_, "rename", errno);
}

// The ID is taken: another one, in the Received field too.
Result<> Draft::redraw() {
  TRY_LET(random, random_number());
  id_ = QueueId::draw(time_, random);
  if (id_offset_ == 0) return {};
  TRY(base::write_all_at(fd_.number(), id_.text(), id_offset_, what_));
  return base::sync(fd_.number(), what_);
}

Result<> Draft::enter_queue() {
  for (int attempt = 0;; ++attempt) {
    auto renamed = rename_new();
    if (renamed) return {};
    if (fixed_id_ || renamed.error().system_error != EEXIST || attempt >= 20) return renamed;
    TRY(redraw());
  }
}

Result<QueueId> Draft::commit() {
  if (spool_ == nullptr || !finished_)
    return Error{Kind::software, "commit of an unfinished draft"};
  TRY(base::sync(fd_.number(), what_));
  // A second descriptor keeps the file reachable: when closing or renaming fails it can still be
  // moved to memory.
  Fd second(::fcntl(fd_.number(), F_DUPFD_CLOEXEC, 3));
  if (!second) return base::system_error(what_, "dup", errno);
  auto closed = fd_.close(what_);
  fd_ = std::move(second);
  TRY(std::move(closed));
  const std::string queue = cat(spool_->path(), "/queue");
  TRY(enter_queue());
  // From here on nothing may fail for want of memory: the name is there already.
  tmp_name_.clear();
  if (auto synced = base::sync(spool_->queue(), queue); !synced) {
    // Whether the name would survive is unknown, so it must not stay: the caller will send the
    // message again.
    ::unlinkat(spool_->queue(), queue_name_.c_str(), 0);
    return std::move(synced).error();
  }
  return id_;
}

Result<> Draft::move_to_memory() {
  Fd memory(::memfd_create("message", MFD_CLOEXEC));
  if (!memory) return base::system_error("memory", "create", errno);
  char piece[16384];
  for (std::uint64_t at = 0; at < written_;) {
    const auto want = std::min<std::uint64_t>(sizeof piece, written_ - at);
    TRY_LET(got, base::read_at(fd_.number(), std::span(piece, static_cast<std::size_t>(want)), at,
                               what_));
    if (got == 0) return Error{Kind::io, cat(what_, ": what was written cannot be read again")};
    TRY(base::write_all(memory.number(), {piece, got}, "memory"));
    at += got;
  }
  if (!tmp_name_.empty()) ::unlinkat(spool_->tmp(), tmp_name_.c_str(), 0);
  tmp_name_.clear();
  spool_ = nullptr;
  what_ = "memory";
  fd_ = std::move(memory);
  return {};
}

}  // namespace store
