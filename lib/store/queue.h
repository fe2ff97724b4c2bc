// queue.h - one spool: where mail lies on this disk, how it gets in (Draft), and how it is changed
// (Lease).
//
// A spool is a folder of mode 0700 that belongs to the user whose mail it holds: tmp/ queue/ why/
// run/ bad/. Directory permission is the access control, the owner of a file is its submitter. See
// postbag-spool(5).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/store/entry.h"

namespace store {

/// Names a message for its whole life: 11 characters of microseconds since 1970 and 4 random ones,
/// alphabet 0-9A-V, so that the order of names is the order of arrival.
class QueueId {
 public:
  static constexpr std::size_t length = 15;
  QueueId() { text_.fill('0'); }
  /// random: 20 bits of it are used.
  static QueueId draw(base::Time time, std::uint32_t random);
  static std::optional<QueueId> parse(std::string_view text);
  /// The ID of what is made because of `parent`, always the same for the same purpose, so that it
  /// is not made twice. It comes directly behind its parent in the order of arrival.
  static QueueId derived(const QueueId& parent, std::string_view purpose);
  std::string_view text() const { return {text_.data(), text_.size()}; }
  auto operator<=>(const QueueId&) const = default;

 private:
  std::array<char, length> text_;
};

/// The name of a committed entry: "<ID>.<generation>-<size of the whole file>".
struct EntryName {
  QueueId id;
  std::uint32_t generation = 0;
  std::uint64_t size = 0;
  std::string text() const;
  static std::optional<EntryName> parse(std::string_view text);
  auto operator<=>(const EntryName&) const = default;
};

/// An open spool of one user.
class Spool {
 public:
  /// Open a spool that exists. Errors: no_permission (owner is not `uid`), retry, io; unavailable
  /// when there is none.
  static base::Result<Spool> open(const std::string& path, uid_t uid);
  /// Open it, making what is missing; new folders and their parents are on stable storage when it
  /// returns. Errors: as open, but never unavailable.
  static base::Result<Spool> create(const std::string& path, uid_t uid);

  const std::string& path() const { return path_; }
  uid_t owner() const { return owner_; }
  int tmp() const { return tmp_.number(); }
  int queue() const { return queue_.number(); }
  int why() const { return why_.number(); }
  int run() const { return run_.number(); }
  int bad() const { return bad_.number(); }
  /// "PATH/queue/NAME", for messages to people.
  std::string named(std::string_view folder, std::string_view name) const;

 private:
  std::string path_;
  uid_t owner_ = 0;
  base::Fd tmp_, queue_, why_, run_, bad_;
};

/// What lies in queue/: understood names in order of arrival, of each ID the highest generation
/// only.
struct Listing {
  std::vector<EntryName> entries;
  std::vector<EntryName> superseded;  ///< lower generations of listed IDs
  std::vector<std::string> strange;   ///< names that are none
};
/// Errors: io, no_permission: an unreadable queue is never "empty".
base::Result<Listing> list(const Spool& spool);

/// Read and check an entry without locking it. Errors: unavailable (it has gone), data (damaged),
/// io.
base::Result<Entry> read_entry(const Spool& spool, const EntryName& name);
/// An entry as a reader finds it, who neither locks it nor keeps its holder waiting.
struct Snapshot {
  Entry entry;
  bool leased = false;  ///< some process holds a Lease on it
  base::Time next_attempt;
  base::Fd file;  ///< for the message, which begins at entry.message_offset
};
/// buffer: room that the caller keeps from one entry to the next. Errors: as read_entry.
base::Result<Snapshot> read_snapshot(const Spool& spool, const EntryName& name,
                                     std::string& buffer);
/// Whether some process holds a Lease on it.
bool leased(const Spool& spool, const EntryName& name);

/// A message on its way into the queue. Destroyed before commit(), it leaves nothing behind.
class Draft {
 public:
  /// Begin a file in tmp/. Errors: retry (full, no rights), io.
  static base::Result<Draft> create(const Spool& spool, base::Time time);
  /// The same under an ID that is fixed. commit() then fails with EEXIST where an entry of that
  /// very name is there. \pre nobody else makes entries of this ID.
  static base::Result<Draft> create_as(const Spool& spool, const QueueId& id);
  /// Begin one that lies in memory, to be handed to another program: it is finish()ed, never
  /// committed. Errors: retry.
  static base::Result<Draft> create_in_memory(base::Time time);

  Draft(Draft&&) noexcept = default;
  Draft& operator=(Draft&&) = delete;
  ~Draft();

  const QueueId& id() const { return id_; }

  /// Write the envelope and `top`, header fields that lead the message, with room for late_room
  /// more bytes of fields behind them. `top` may hold the ID once, for a Received field. Errors:
  /// data, retry, io.
  base::Result<> begin(const Envelope& envelope, std::string_view top, std::size_t late_room);
  /// Append message text with LF line ends. After an error the text is not lost: move_to_memory()
  /// carries it over. Errors: retry, io.
  base::Result<> append(std::string_view text);
  /// Facts of the message so far.
  Facts facts() const { return counter_.facts(); }

  /// Put `late`, at most late_room bytes of header fields, behind `top`, write the facts and all
  /// that is still in memory. The file is whole then, but not yet in the queue. May be called again
  /// after a failure. Errors: retry, io.
  base::Result<> finish(std::string_view late);

  /// The commit point. When this returns an ID, the message survives a power cut and we owe its
  /// sender a delivery or a bounce; nothing that happens afterwards may turn the submission into a
  /// failure. \pre finish() succeeded. Errors: retry, io; then nothing is in the queue, and the
  /// draft may still be moved to memory.
  base::Result<QueueId> commit();

  /// Carry what was written so far over into memory, when its own place failed (full, taken away).
  /// Errors: retry, io.
  base::Result<> move_to_memory();
  /// The whole file, for handing on. \pre finish() succeeded and create_in_memory() or
  /// move_to_memory() was used.
  int descriptor() const { return fd_.number(); }
  std::uint64_t size() const { return written_ + buffer_.size(); }

 private:
  Draft(base::Time time, std::string what) : time_(time), what_(std::move(what)) {}
  base::Result<> draw_name(const Spool& spool);
  base::Result<> flush();
  base::Result<> patch(std::uint64_t offset, std::string_view text);
  base::Result<> rename_new();
  base::Result<> enter_queue();
  base::Result<> redraw();

  base::Time time_;
  std::string what_;  // names the file in errors
  const Spool* spool_ = nullptr;
  QueueId id_;
  std::string queue_name_;  // the last one tried
  std::string tmp_name_;    // empty: nothing of ours lies in tmp/
  base::Fd fd_;
  std::string buffer_;  // not yet written; it belongs at offset written_
  std::uint64_t written_ = 0;
  FactCounter counter_;
  std::string top_;
  std::size_t late_room_ = 0;
  std::uint64_t slot_offset_ = 0;  // of the pad line
  std::uint64_t id_offset_ = 0;    // of the ID in the Received field, 0: none
  bool late_counted_ = false;
  bool finished_ = false;
  bool fixed_id_ = false;
};

/// A committed entry that this process alone may change. Released when destroyed.
class Lease {
 public:
  /// nullopt: another process has it, or it has gone. Errors: data (damaged: to be moved to bad/),
  /// retry, io.
  static base::Result<std::optional<Lease>> take(const Spool& spool, const EntryName& name);
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  /// Ends the lock, whoever else has the descriptor still.
  ~Lease();

  const EntryName& name() const { return name_; }
  const Entry& entry() const { return entry_; }
  int descriptor() const { return fd_.number(); }

  /// What the recipients stand for in this run; nothing of it is written. \pre as many recipients,
  /// and the senders first that the entry has
  void resolve(Envelope envelope) { entry_.envelope = std::move(envelope); }

  /// Overwrite status bytes of recipients in place, no others, and make it durable; neighbours in
  /// one write. On a full disk the reserve is given up and it is tried once more. Errors: retry,
  /// io: nothing may be assumed about what a later reader sees.
  base::Result<> record(const std::vector<std::size_t>& recipients, char status);
  /// Another process that shares this lease's descriptor has recorded it.
  void recorded(const std::vector<std::size_t>& recipients, char status);
  /// What another process that shares the descriptor may have recorded. Errors: io.
  base::Result<> reread_statuses();
  bool all_done() const;
  /// Take the entry out of the queue. Errors: io, retry.
  base::Result<> remove();
  /// held: 'h' or '-'. Errors: io, retry.
  base::Result<> set_held(bool held);
  /// Remember that its sender was told of the delay. Errors: io, retry.
  base::Result<> set_delay_notified();
  base::Result<> set_next_attempt(base::Time time);
  /// Commit the next generation of this entry: the same message, time of the next attempt and
  /// state, with another envelope and a status byte for each of its recipients. When this returns,
  /// it survives a power cut, the older file has gone, this lease is one on the new file, and
  /// reasons are forgotten. A crash leaves the one generation or the other, or both, of which the
  /// newer counts. Errors: data (cannot be written), retry, io: then this lease is one on whichever
  /// counts, and nothing may be sent before the older one has gone.
  base::Result<> replace(const Envelope& envelope, std::string_view statuses);

 private:
  Lease() = default;
  base::Result<> overwrite(std::string_view text, std::uint64_t offset);
  base::Result<> write_statuses(const std::vector<std::size_t>& recipients,
                                const std::string& what);
  base::Result<> with_reserve(const std::function<base::Result<>()>& write);
  const Spool* spool_ = nullptr;
  EntryName name_;
  base::Fd fd_;
  Entry entry_;
};

/// Make an entry due. No lease is needed: a run that is on sees the new time and looks at the entry
/// again, so whoever holds one ends it first. One that has gone is no error. Errors: io, retry.
base::Result<> make_due(const Spool& spool, const EntryName& name);

/// Have the next flush ask smarthosts that it would leave alone, since they failed lately: somebody
/// who asks for an attempt gets one. Errors: io, retry.
base::Result<> force_next_flush(const Spool& spool);
/// Whether that was asked for since the last call.
bool take_force(const Spool& spool);

/// Move what is not understood to bad/, never deleting it; the new name. Errors: io, retry.
base::Result<std::string> quarantine(const Spool& spool, const std::string& name);

/// Remove files of dead writers from tmp/: unlocked and older than 36 hours. Never fails; what
/// cannot go stays.
void clean_tmp(const Spool& spool, base::Time now);

/// Make sure the 64 KiB reserve lies in run/; without room there is none.
void keep_reserve(const Spool& spool);

}  // namespace store
