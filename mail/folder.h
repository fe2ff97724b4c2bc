// folder.h - a mailbox as a reader sees it: messages in the order of their arrival, numbered from
// 0, and one act of writing at the end. mbox and maildir look alike from here.
//
// Nothing is changed before commit(). What arrives meanwhile is found by update() and is never
// touched by commit().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mailbox.h"

namespace reader {

/// What a mailbox remembers of a message: Status (R, O), X-Status (A, F, D, T), maildir's flags.
/// A message without any is new.
enum Flag : std::uint8_t {
  seen = 1,      ///< Status R, maildir S
  old = 2,       ///< Status O, maildir: in cur/
  answered = 4,  ///< X-Status A, maildir R
  flagged = 8,   ///< X-Status F, maildir F
  trashed = 16,  ///< X-Status D, maildir T: another program's mark, not removed by us
  draft = 32,    ///< X-Status T, maildir D
};
using Flags = std::uint8_t;

/// What becomes of a message in commit().
struct Verdict {
  bool remove = false;
  Flags flags = 0;
};

/// What is to happen in the moment in which all that can be wrong with a change has been found and
/// nothing is changed yet: the new text is on the disk, the mailbox is locked.
using Ready = std::function<base::Result<>()>;

class Folder {
 public:
  virtual ~Folder() = default;

  virtual std::size_t count() const = 0;
  virtual Flags flags(std::size_t index) const = 0;
  /// Bytes as bsd-mailx counts them: From_ line, header, body and the empty line behind it.
  virtual std::uint64_t size(std::size_t index) const = 0;
  /// Lines, counted alike. Errors: io.
  virtual base::Result<std::uint64_t> lines(std::size_t index) = 0;
  /// The From_ line with its LF; in a maildir it is made of Return-Path and the time of delivery.
  virtual base::Result<std::string> from_line(std::size_t index) = 0;
  /// The header: LF line ends, without the empty line behind it. At most 1 MiB of it.
  virtual base::Result<std::string> header(std::size_t index) = 0;
  /// The message as it was sent: without From_ line and the empty line behind it, LF line ends, one
  /// level of `>From ` undone (mbox).
  virtual base::Result<std::string> text(std::size_t index) = 0;
  /// The message as it stands in an mbox: From_ line, text quoted as it is stored, with an empty
  /// line at its end. To be written into other mailboxes to the byte. Status and X-Status as the
  /// mailbox has them.
  virtual base::Result<std::string> stored(std::size_t index) = 0;

  /// Look for mail that arrived since; how many messages there are more. Numbers stay what they
  /// were. Errors: retry (another program changed what we have read), io.
  virtual base::Result<std::size_t> update() = 0;
  /// Make it so: one verdict for each message of count(); mail that arrived since stays as it is.
  /// The old state is left whole until the new one is safe. On success the folder is at its end
  /// (no more calls). Returns what is left. Errors: retry (locked too long, disk full, changed by
  /// others: nothing is changed then), no_permission, io.
  struct Left {
    std::size_t messages = 0;  ///< in the mailbox now, those that arrived meanwhile among them
    std::size_t arrived = 0;   ///< of these, those that update() has not told of
    bool removed = false;      ///< the file is gone (emptied, and not kept)
  };
  enum class WhenEmpty { keep, remove };
  base::Result<Left> commit(std::span<const Verdict> verdicts, WhenEmpty when_empty) {
    return commit_when(verdicts, when_empty, {});
  }
  /// The same; `ready` (may be none) is called once before anything is changed, and where it fails
  /// nothing is. Signals are held meanwhile: one that asks the program to end counts as an error as
  /// long as nothing is changed.
  virtual base::Result<Left> commit_when(std::span<const Verdict> verdicts, WhenEmpty when_empty,
                                         const Ready& ready) = 0;
  /// Whether it could not be written when it was opened.
  virtual bool read_only() const = 0;
  /// What a person should know of it ("PATH: …"), one line without its LF, or nothing.
  virtual std::string remark() const = 0;
};

/// Who opens folders, and where the journals of unfinished rewrites lie.
struct Owner {
  uid_t uid = 0;
  std::string journals;  ///< folder of the user's own, made when it is needed; may be empty
  std::chrono::milliseconds lock_limit{30'000};
};

/// Open a mailbox. A rewrite that was cut off by a crash is finished first; where that is
/// impossible now, the mailbox is opened read-only, with a remark. Errors: no_input (it is not
/// there: `NAME: No such file or directory`; a folder that is no maildir: `NAME: Is a directory`),
/// no_permission, retry, io.
base::Result<std::unique_ptr<Folder>> open_folder(const store::Mailbox& mailbox,
                                                  const Owner& owner);

/// Whether there is mail, in constant time (for an mbox: its first line). Errors: io.
base::Result<bool> has_mail(const store::Mailbox& mailbox);

}  // namespace reader
