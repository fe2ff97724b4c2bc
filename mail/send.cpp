#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <unordered_set>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/date.h"
#include "lib/rfc/envelope.h"
#include "lib/store/checksum.h"
#include "lib/store/mbox.h"
#include "mail/addresses.h"
#include "mail/compose.h"
#include "mail/dead_letter.h"
#include "mail/leave.h"
#include "mail/mailer.h"
#include "mail/outgoing.h"
#include "mail/scratch.h"
#include "mail/send_batches.h"
#include "mail/terminal.h"

namespace reader {

namespace {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

// A letter on its way: what is left of it when something fails.
class Sending {
 public:
  Sending(Session& session, Letter letter) : session_(session), letter_(std::move(letter)) {
    letter_.subject = as_utf8(session_, letter_.subject);
    for (auto& field : letter_.fields) field.body = as_utf8(session_, field.body);
    for (auto* list : {&letter_.to, &letter_.cc, &letter_.bcc, &letter_.reply_to})
      for (auto& element : *list) element = as_utf8(session_, element);
    letter_.from = as_utf8(session_, letter_.from);
  }

  Result<> run() {
    auto sent = hand_over();
    if (!sent) {
      keep();
      return sent;
    }
    record();
    return {};
  }

  // All of it, Bcc too, so that `sendmail -t` can send it to whom it did not reach.
  void keep() {
    const auto kept = [&]() -> Result<> {
      TRY_LET(path, dead_letter_path(session_));
      if (!path) return {};
      if (missed_.size() < destinations_.addresses.size()) TRY(address_to_missed());
      if (!message_) make_without_attachments();
      if (message_) return append_dead_letter(session_, *path, bcc_of_letter(), message_.number());
      return keep_unfinished(*path);
    }();
    if (!kept) base::complain(cat("the letter is not kept: ", kept.error().text));
  }

 private:
  Result<> hand_over() {
    TRY(prepare());
    tell_left_out();
    TRY_LET(mailer, mailer_of(session_));
    const auto batches = batches_of(destinations_.addresses, room_for_addresses(mailer, words({})));
    if (batches.size() > 1) name_once();
    TRY_LET(message, outgoing_message(session_, letter_));
    message_ = std::move(message);
    if (session_.variables.is_set("debug")) return show(mailer, batches);
    TRY(to_files());
    TRY(to_commands());
    return to_sendmail(mailer, batches);
  }

  Result<> prepare() {
    TRY(use_own_address(session_, letter_));
    const Expansion expansion{.groups = &session_.groups,
                              .self = session_.person.user,
                              .metoo = session_.variables.is_set("metoo"),
                              .addresses_only = !session_.variables.is_set("expandaddr")};
    TRY_LET(destinations, expand_addresses(letter_, expansion));
    destinations_ = std::move(destinations);
    missed_.insert(destinations_.addresses.begin(), destinations_.addresses.end());
    letter_.to = destinations_.to;
    letter_.cc = destinations_.cc;
    letter_.bcc = destinations_.bcc;
    if (destinations_.addresses.empty() && destinations_.files.empty() &&
        destinations_.commands.empty())
      return Error{Kind::usage, "no recipient"};
    return {};
  }

  void tell_left_out() const {
    constexpr std::size_t most = 10;
    const auto& all = letter_.left_out;
    if (all.empty()) return;
    std::string line;
    for (std::size_t i = 0; i < std::min(all.size(), most); ++i)
      line.append(cat(i == 0 ? "" : ", ", displayable(base::printable(all[i], 100))));
    if (all.size() > most) line.append(cat(" and ", all.size() - most, " more"));
    base::flush_output();
    base::complain(cat("left out: ", line));
  }

  static std::string bcc_field(const std::vector<std::string>& addresses) {
    std::string out = "Bcc:";
    for (std::size_t i = 0; i < addresses.size(); ++i)
      out.append(cat(i == 0 ? " " : ",\n ", addresses[i]));
    return out.append("\n");
  }

  // Whoever gets it twice, by two of the calls, can tell that it is one message.
  void name_once() {
    const auto given = [&](std::string_view name) {
      return std::any_of(letter_.fields.begin(), letter_.fields.end(),
                         [&](const auto& field) { return base::iequals(field.name, name); });
    };
    const auto now = session_.clock();
    if (!given("Date"))
      letter_.fields.push_back({"Date", rfc::date(base::seconds(now), base::local_offset(now))});
    if (given("Message-ID")) return;
    store::Checksum sum;
    sum.add(cat(session_.person.user, "\n", letter_.subject));
    for (const auto& address : destinations_.addresses) sum.add(address);
    letter_.fields.push_back({"Message-ID", cat("<", now.time_since_epoch().count(), ".", sum.hex(),
                                                "@", session_.person.domain, ">")});
  }

  using Batch = std::span<const std::string>;

  std::vector<std::string> words(Batch batch) const {
    std::vector<std::string> words{"-i"};
    if (session_.variables.is_set("verbose")) words.emplace_back("-v");
    if (!letter_.sender.empty()) words.insert(words.end(), {"-f", letter_.sender});
    words.emplace_back("--");
    words.insert(words.end(), batch.begin(), batch.end());
    return words;
  }

  // All calls are made, whatever became of those before: who can be reached is reached.
  Result<> to_sendmail(const Mailer& mailer, const std::vector<Batch>& batches) {
    std::optional<Error> first;
    for (const auto& batch : batches) {
      auto sent = to_sendmail(mailer, batch);
      if (sent)
        for (const auto& address : batch) missed_.erase(address);
      else if (!first) first = std::move(sent).error();
    }
    if (!first) return {};
    if (missed_.size() < destinations_.addresses.size())
      first->text.append(cat("; ", missed_.size(), " of ", destinations_.addresses.size(),
                             " recipients do not get the letter"));
    return *first;
  }

  Result<> to_sendmail(const Mailer& mailer, Batch batch) {
    TRY(rewind());
    TRY_LET(finished, run_mailer(mailer, words(batch), message_.number()));
    if (finished.status != 0) return mailer_error(mailer, finished);
    // It took the message; what it has to say is for the person all the same.
    (void)base::write_all(STDERR_FILENO,
                          for_charset(displayable_lines(finished.words), session_.terminal.charset),
                          "standard error");
    return {};
  }

  Result<> rewind() const {
    if (::lseek(message_.number(), 0, SEEK_SET) == 0) return {};
    return base::system_error(Kind::io, "letter", "seek", errno);
  }

  Result<> show(const Mailer& mailer, const std::vector<Batch>& batches) {
    for (const auto& batch : batches) {
      std::string command;
      for (const auto& word : mailer.command) command.append(cat(word, " "));
      for (const auto& word : words(batch)) command.append(cat(word, " "));
      base::print(cat(displayable(base::trim(command)), "\n"));
    }
    return read_pieces(message_.number(), 0, [](std::string_view piece) -> Result<> {
      base::print(displayable_lines(piece));
      return {};
    });
  }

  // The message as it stands in an mbox.
  Result<std::string> stored() {
    const auto now = session_.clock();
    const auto offset = base::local_offset(now);
    std::string out = store::from_line(
        session_.person.user.empty() ? "MAILER-DAEMON" : session_.person.user, now, offset);
    out.append(cat("Status: RO\nDate: ", rfc::date(base::seconds(now), offset), "\n"));
    out.append(bcc_of_letter());
    store::Quoter quoter;
    TRY(read_pieces(message_.number(), 0, [&](std::string_view piece) -> Result<> {
      quoter.append(piece, out);
      return {};
    }));
    quoter.finish(out);
    out.append("\n");
    return out;
  }

  Result<> to_files() {
    for (const auto& file : destinations_.files) {
      TRY_LET(path, expand_name(session_, file));
      TRY_LET(text, stored());
      TRY(append_messages(session_, path, {text}));
    }
    return {};
  }

  // The person at the keyboard, or the author of the command line, asked for this program.
  Result<> to_commands() {
    for (const auto& command : destinations_.commands) {
      const Mailer shell{{session_.environment.shell, "-c", command.substr(1)},
                         session_.environment.all};
      TRY(rewind());
      TRY_LET(finished, run_mailer(shell, {}, message_.number()));
      if (finished.status != 0) return mailer_error({{command}, {}}, finished);
    }
    return {};
  }

  std::string bcc_of_letter() const {
    std::vector<std::string> elements;
    if (letter_.bcc.empty()) return {};
    for (const auto& element : letter_.bcc) elements.push_back(header_address(element));
    return bcc_field(elements);
  }

  std::optional<std::string> record_name() const {
    if (!letter_.record_name.empty()) return letter_.record_name;
    const auto* record = session_.variables.find("record");
    if (record == nullptr || record->empty()) return std::nullopt;
    return *record;
  }

  // The letter is sent: that its copy could not be kept is told, and changes nothing.
  void record() {
    auto name = record_name();
    if (!name || session_.variables.is_set("debug")) return;
    const bool bare = name->find_first_of("/~+%#&$") != 0;
    if (session_.variables.is_set("outfolder") && bare) name = cat("+", *name);
    const auto kept = [&]() -> Result<> {
      TRY_LET(path, expand_name(session_, *name));
      TRY_LET(text, stored());
      TRY(append_messages(session_, path, {text}));
      return {};
    }();
    if (!kept) base::complain(cat("the letter is sent, but not recorded: ", kept.error().text));
  }

  // The fields name nobody whom the letter has reached.
  Result<> address_to_missed() {
    for (auto* list : {&letter_.to, &letter_.cc, &letter_.bcc})
      std::erase_if(*list, [&](const std::string& element) {
        const auto path = rfc::Path::parse(bare_address(element));
        return path && !missed_.contains(path.value().text());
      });
    TRY_LET(message, outgoing_message(session_, letter_));
    message_ = std::move(message);
    return {};
  }

  // What could not be attached is named at least.
  void make_without_attachments() {
    for (const auto& attachment : std::exchange(letter_.attachments, {})) {
      const bool held = attachment.path.starts_with("/proc/self/fd/");
      letter_.fields.push_back(
          {"X-Attachment", as_utf8(session_, held ? attachment.name : attachment.path)});
    }
    if (auto message = outgoing_message(session_, letter_)) message_ = std::move(message).value();
  }

  // What cannot be made a message.
  Result<> keep_unfinished(const std::string& path) {
    TRY_LET(nothing, Scratch(session_.environment.tmp).finish());
    return append_dead_letter(session_, path,
                              cat(letter_header(letter_, ""), bcc_of_letter(), "\n"),
                              letter_.body ? letter_.body.number() : nothing.number());
  }

  Session& session_;
  Letter letter_;
  Destinations destinations_;
  std::unordered_set<std::string> missed_;  // addresses that sendmail has not taken
  Fd message_;
};

}  // namespace

Result<> send(Session& session, Letter letter) { return Sending(session, std::move(letter)).run(); }

void keep_unsent(Session& session, Letter letter) { Sending(session, std::move(letter)).keep(); }

}  // namespace reader
