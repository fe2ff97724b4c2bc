// listing.h - the queue as text: Postfix's mailq with long queue IDs, its postqueue -j, Sendmail's
// mailq, and a bare count. Pure.
//
// Programs read both, so they are Postfix's to the byte. One line more, "\t\tTotal requests: N"
// before the last, is sendmail's: the Nagios plugin check_mailq takes us for sendmail where it
// finds no other mailer, and without that line says that the queue is empty, whatever is in it.
#pragma once

#include <cstdint>
#include <string>

#include "lib/store/queue.h"
#include "lib/store/why.h"

namespace listing {

/// One message of the queue.
struct Item {
  const store::QueueId& id;
  const store::Entry& entry;
  const store::Why& why;
  bool leased;  ///< it is being delivered
  long offset;  ///< of local time when it arrived, seconds east of UTC
};

enum class Form { postfix, json, sendmail, count };
/// Whether all that lies in the queue could be read.
enum class Extent { complete, incomplete };

/// A listing, message by message.
class Report {
 public:
  explicit Report(Form form) : form_(form) {}

  /// What stands above the first message, now that all are added: Sendmail tells their number
  /// first.
  std::string begin(Extent extent) const;
  /// Put the text of the next message behind `text`. Recipients that are done are left out.
  void add(const Item& item, std::string& text);
  /// What stands behind the last message. "Mail queue is empty" only where the reading was
  /// complete.
  std::string end(Extent extent) const;

 private:
  Form form_;
  std::uint64_t requests_ = 0, bytes_ = 0;
};

/// A moment with what local time is then, in seconds east of UTC.
struct Moment {
  std::int64_t seconds = 0;
  long offset = 0;
};
struct Schedule {
  Moment last_attempt, next_attempt;
  bool due = false;
};

/// What --show prints above a message: its envelope in words, for people, and an empty line.
std::string description(const Item& item, const Schedule& schedule);

}  // namespace listing
