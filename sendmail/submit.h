// submit.h - where a message is stored, in the order that loses none: the user's own spool; where
// that cannot be written, the socket on which a service manager starts `sendmail -bs`; else
// nowhere, and the caller is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/base/user.h"
#include "lib/store/queue.h"
#include "lib/store/site.h"

namespace submit {

constexpr const char* submit_socket = "/run/postbag/submit";

/// One message being stored. Destroyed before commit() it leaves nothing behind.
class Storage {
 public:
  /// spool: nullptr when it cannot be opened; `trouble` then says why.
  /// Errors: retry, naming every place that was tried.
  static base::Result<Storage> create(const store::Spool* spool, std::string trouble,
                                      base::Time time);

  const store::QueueId& id() const { return draft_.id(); }
  /// As the functions of store::Draft. When the spool fails, what was written so far is carried
  /// over to the other place. Errors: retry, naming every place that was tried; data.
  base::Result<> begin(const store::Envelope& envelope, std::string_view top,
                       std::size_t late_room);
  base::Result<> append(std::string_view text);
  std::uint64_t message_bytes() const { return draft_.facts().bytes; }

  /// The commit point of this program: after it nothing may turn success into failure. `late`: as
  /// Draft::finish. What is returned names the message: its ID here, or what the other side called
  /// it.
  base::Result<std::string> commit(std::string_view late);
  /// Whether it lies in the spool, so that a flush is to be started.
  bool in_spool() const { return !socket_; }

 private:
  Storage(store::Draft draft, std::optional<base::Fd> socket)
      : draft_(std::move(draft)), socket_(std::move(socket)) {}
  base::Result<> escape(base::Error trouble);
  base::Result<std::string> hand_over();

  store::Draft draft_;
  std::optional<base::Fd> socket_;  // engaged: the draft lies in memory and goes this way
};

}  // namespace submit
