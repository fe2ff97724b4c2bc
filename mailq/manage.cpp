#include "mailq/manage.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mailq/lookup.h"
#include "mailq/requeue.h"

namespace manage {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using listing::Action;
using store::Lease;
using store::Spool;

namespace {

/// Somebody typed its ID, or it is one of all: then it needs no word when there is nothing to do.
enum class Asked { by_id, by_all };

class Change {
 public:
  Change(const std::vector<Spool>& spools, Lookup lookup, Action action)
      : spools_(spools), lookup_(std::move(lookup)), action_(action) {}

  void one(const std::string& id) {
    // A flush that expands a message gives its file another name; one that has gone for good is not
    // found again.
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto place = lookup_.find(id);
      if (!place) break;
      if (touch(*place, Asked::by_id)) return;
      auto again = Lookup::read(spools_);
      if (!again) return failed(again.error());
      lookup_ = std::move(again).value();
    }
    failed({Kind::no_input, cat(id, ": not in the queue")});
  }

  void all() {
    for (const auto& place : lookup_.all()) (void)touch(place, Asked::by_all);
  }

  Outcome finish() && {
    // Removed is a promise: after a power cut the message must not be sent all the same.
    for (const auto* spool : emptied_)
      if (const auto synced = base::sync(spool->queue(), spool->path() + "/queue"); !synced)
        failed(synced.error());
    return std::move(outcome_);
  }

 private:
  // False if it has gone.
  bool touch(const Place& place, Asked asked) {
    auto lease = Lease::take(*place.spool, place.name);
    const auto id = place.name.id.text();
    if (!lease) {
      failed(lease.error());
    } else if (lease.value()) {
      const auto done = apply(std::move(*lease.value()), place, asked);
      if (!done) failed(done.error());
    } else if (store::leased(*place.spool, place.name)) {
      failed({Kind::retry, cat(id, ": being delivered, try again")});
    } else {
      return false;
    }
    return true;
  }

  Result<> apply(Lease lease, const Place& place, Asked asked) {
    switch (action_) {
      case Action::remove: return remove(lease, place);
      case Action::hold: return hold(lease, place, asked);
      case Action::release: return release(std::move(lease), place, asked);
      case Action::requeue: return requeue(std::move(lease), place);
      default: return retry(std::move(lease), place, asked);
    }
  }

  Result<> remove(Lease& lease, const Place& place) {
    // The oldest goes first, and for good: of what a power cut leaves, the highest generation
    // counts.
    const auto older = lookup_.superseded(place);
    for (const auto& name : older)
      if (::unlinkat(place.spool->queue(), name.text().c_str(), 0) != 0 && errno != ENOENT)
        return base::system_error(place.spool->named("queue", name.text()), "remove", errno);
    if (!older.empty()) TRY(base::sync(place.spool->queue(), place.spool->path() + "/queue"));
    TRY(lease.remove());
    note(emptied_, place.spool);
    done(place, "removed");
    return {};
  }

  Result<> hold(Lease& lease, const Place& place, Asked asked) {
    if (lease.entry().held) return unchanged(place, asked, "on hold already");
    TRY(lease.set_held(true));
    done(place, "placed on hold");
    return {};
  }

  Result<> release(Lease lease, const Place& place, Asked asked) {
    if (!lease.entry().held) return unchanged(place, asked, "not on hold");
    TRY(lease.set_held(false));
    TRY(become_due(std::move(lease), place));
    done(place, "released from hold");
    return {};
  }

  Result<> retry(Lease lease, const Place& place, Asked asked) {
    if (lease.entry().held) {
      if (asked == Asked::by_all) return {};
      return Error{Kind::unavailable, cat(place.name.id.text(), ": on hold, release it first")};
    }
    TRY(become_due(std::move(lease), place));
    done(place, "due now");
    return {};
  }

  Result<> requeue(Lease lease, const Place& place) {
    const auto [envelope, statuses] = requeued(lease.entry());
    TRY(lease.replace(envelope, statuses));
    const Place next{place.spool, lease.name()};
    const bool held = lease.entry().held;
    if (held) (void)Lease(std::move(lease));
    else TRY(become_due(std::move(lease), next));
    done(place, "requeued");
    return {};
  }

  // Not before the lease has ended: a flush that finds an entry leased passes it over until its
  // time changes, and ours will not start beside that one.
  Result<> become_due(Lease lease, const Place& place) {
    { const Lease ended = std::move(lease); }
    TRY(store::force_next_flush(*place.spool));
    TRY(store::make_due(*place.spool, place.name));
    note(outcome_.due, place.spool);
    return {};
  }

  static void note(std::vector<const Spool*>& spools, const Spool* spool) {
    if (std::find(spools.begin(), spools.end(), spool) == spools.end()) spools.push_back(spool);
  }

  static Result<> unchanged(const Place& place, Asked asked, std::string_view words) {
    if (asked == Asked::by_id) base::complain(cat(place.name.id.text(), ": ", words));
    return {};
  }

  static void done(const Place& place, std::string_view words) {
    const std::string line = cat(place.name.id.text(), ": ", words);
    base::complain(line);
    base::log("qmgr", base::Level::info, line);
  }

  void failed(const Error& error) {
    base::complain(error.text);
    if (outcome_.status == 0) outcome_.status = static_cast<int>(error.kind);
  }

  const std::vector<Spool>& spools_;
  Lookup lookup_;
  Action action_;
  Outcome outcome_;
  std::vector<const Spool*> emptied_;
};

}  // namespace

Result<Outcome> change(const std::vector<Spool>& spools, Action action,
                       const std::vector<std::string>& ids) {
  TRY_LET(lookup, Lookup::read(spools));
  Change change(spools, std::move(lookup), action);
  for (const auto& id : ids) {
    if (id == "ALL") change.all();
    else change.one(id);
  }
  return std::move(change).finish();
}

}  // namespace manage
