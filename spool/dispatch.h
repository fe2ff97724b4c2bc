// dispatch.h - the sessions of a run: hands tasks to workers, starts them as there is work, keeps
// the pace of each smarthost, and gives answers back one by one. It knows no entries.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/user.h"
#include "spool/expand.h"
#include "spool/host_state.h"
#include "spool/settings.h"
#include "spool/worker.h"

namespace spool {

/// For spreading retries: without randomness they are not spread, and nothing worse happens.
std::uint32_t random_number();

/// A transaction that is wanted. The job's descriptor must stay open until it is answered.
struct Task {
  std::uint64_t key = 0;  ///< the caller's
  std::size_t smarthost = 0;
  std::vector<std::size_t> recipients;  ///< the caller's indices, in the order of the job's
  Job job;
  bool list = false;  ///< the message has more than one recipient
};

struct Finished {
  Task task;
  Answer answer;
  /// Where the smarthost is left alone after this: when it may be asked again, by whatever message.
  std::optional<base::Time> until;
  bool tried = true;  ///< false: the smarthost rests, nobody was asked for this message's sake
  /// Serial number of the answering worker, for recorded(), where it waits for that; 0: none does.
  std::uint64_t worker = 0;
};

class Dispatcher {
 public:
  struct Surroundings {
    const store::Spool& spool;
    const Settings& settings;
    const Rules& rules;  ///< of what is for this machine
    const base::Identity& who;
    std::string home;
    base::Time (*clock)();
    bool own_spool = true;  ///< user mode
    std::string mail = {};  ///< MAIL as it was given to this run
    bool forced = false;    ///< somebody asked for it: smarthosts that rest are tried all the same
  };
  explicit Dispatcher(Surroundings surroundings);
  ~Dispatcher();

  /// Whether more tasks for this smarthost would only wait behind others.
  bool full(std::size_t smarthost) const;
  /// Whether every smarthost is full.
  bool all_full() const;
  /// `first`: before others that wait.
  void add(Task task, bool first = false);
  /// Whether some task was not answered yet.
  bool busy() const;
  /// Work and wait until something is answered, `other` (a descriptor, or -1) can be read, a second
  /// has passed, or the time `until` comes (one that has passed is none).
  std::vector<Finished> wait(int other,
                             std::optional<std::chrono::steady_clock::time_point> until = {});
  /// The answer that this worker gave is on stable storage.
  void recorded(std::uint64_t worker);
  /// It cannot be recorded: that worker sends nothing more, and no list is handed out any more, for
  /// it would be sent again and again to those who have it.
  void unrecorded(std::uint64_t worker);
  /// Somebody asks for an attempt: smarthosts that are left alone are asked again.
  void forget_rests();
  /// Leave a smarthost alone for this run, and for a while after it.
  void condemn(std::size_t smarthost, const rfc::Outcome& outcome);
  /// When a smarthost that is left alone may be asked again.
  std::optional<base::Time> until(std::size_t smarthost) const { return lanes_[smarthost].until; }
  /// Whether mail that waits for this very moment waits for a smarthost that was left alone until
  /// then, and has turned out to work.
  bool released(base::Time time) const;
  /// Tell the workers to stop, and hand out nothing more. What nobody works on is given up.
  void stop();
  /// End all sessions, and remember what is to be remembered.
  void close();

 private:
  struct Seat {
    std::uint64_t number = 0;
    Worker worker;
    std::deque<Task> tasks;
    bool ready = false;
  };
  /// What belongs to one smarthost.
  struct Lane {
    const Smarthost* smarthost = nullptr;
    std::deque<Task> waiting;
    std::list<Seat> seats;
    std::size_t most = 1;              // sessions at once
    std::size_t first_host = 0;        // the one that answered last
    bool proven = false;               // it has asked for a message's text, in this run
    bool changed = false;              // `state` is to be written
    std::optional<rfc::Outcome> down;  // it is asked no more in this run
    bool tried = false;                // down: it was asked in this run
    std::optional<base::Time> until;
    unsigned deaths = 0;  // workers in a row that ended without an answer
    HostState state;
  };
  using SeatPlace = std::list<Seat>::iterator;
  void load(Lane& lane);
  void hand_out(Lane& lane);
  bool wants_more_seats(const Lane& lane) const;
  void start_seat(Lane& lane);
  void give_first(Lane& lane, Seat& seat);
  bool may_send(Lane& lane);
  void refuse_waiting(Lane& lane);
  void refuse_list(Lane& lane);
  void revive(Lane& lane);
  Finished refused(const Lane& lane, Task task) const;
  void poll_workers(int other, std::optional<std::chrono::steady_clock::time_point> wanted);
  void look(Lane& lane, SeatPlace seat, bool readable);
  void take_answer(Lane& lane, SeatPlace seat, Answer answer);
  void take_end(Lane& lane, SeatPlace seat, const WorkerEvent& event);
  void session_trouble(Lane& lane, SeatPlace seat, Finished finished);
  void take_down(Lane& lane, const rfc::Outcome& outcome, bool local_cause);
  void remove(Lane& lane, SeatPlace seat);
  void works(Lane& lane);

  Surroundings around_;
  RetryPolicy policy_;
  std::deque<Lane> lanes_;
  std::vector<Finished> finished_;
  std::vector<base::Time> released_;
  std::uint64_t next_number_ = 1;
  bool stopping_ = false, no_lists_ = false;
};

}  // namespace spool
