// settle.h - what answers mean for an entry: status bytes, bounces, reports, notices, the next
// attempt.
#pragma once

#include "lib/base/clock.h"
#include "spool/bounce.h"
#include "spool/delivery.h"
#include "spool/dispatch.h"
#include "spool/retry.h"

namespace spool {

class Settler {
 public:
  Settler(const store::Spool& spool, const Settings& settings, const base::Identity& who,
          base::Time (*clock)());

  Bouncer& bouncer() { return bouncer_; }
  /// Put an answer's outcomes where they belong; what was delivered is recorded before anything
  /// else happens.
  void take(Delivery& delivery, Finished finished);
  /// A recipient about whom nobody was asked.
  void take(Delivery& delivery, const Decided& decided);
  /// Take up an entry that a run before left with all its recipients done: it was cut short before
  /// it reported success, as far as anybody knows.
  void take_up(Delivery& delivery);
  /// Nothing of the delivery is under way any more: bounce, report, remove, or set the next
  /// attempt.
  void finish(Delivery& delivery);
  /// A status byte could not be written: no more lists may leave.
  bool unrecordable() const { return unrecordable_; }

 private:
  void look_at_statuses(Delivery& delivery, Finished& finished);
  void record(Delivery& delivery, const std::vector<std::size_t>& recipients, char status);
  void record(Delivery& delivery, const Finished& finished);
  void judge(Delivery& delivery, const Finished& finished, std::size_t place);
  void expire(Delivery& delivery);
  void bounce(Delivery& delivery);
  void bounce_to(Delivery& delivery, unsigned sender, const std::vector<Judged>& judged);
  void hold(Delivery& delivery);
  void report_success(Delivery& delivery);
  std::vector<Judged> worth_telling(const Delivery& delivery, const std::vector<Judged>& delayed,
                                    const rfc::Path& sender) const;
  void tell_of_delay(Delivery& delivery);
  bool remove_if_done(Delivery& delivery);
  void schedule(Delivery& delivery);
  void log(const Delivery& delivery, std::size_t recipient, const Answer& answer,
           const rfc::Outcome& outcome) const;

  const store::Spool& spool_;
  const Settings& settings_;
  base::Time (*clock_)();
  RetryPolicy policy_;
  Bouncer bouncer_;
  bool unrecordable_ = false;
  bool reports_owed_ = false;  // a success report of the entry at hand could not be stored
};

/// Whether the sender of this recipient's message wants a notice of that kind (RFC 3461 section
/// 4.1). event: "failure", "delay" or "success"; the first two are wanted unless NOTIFY says
/// otherwise.
bool wants_notice(const store::Recipient& recipient, std::string_view event);

}  // namespace spool
