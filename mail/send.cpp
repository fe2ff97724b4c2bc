#include <unistd.h>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/date.h"
#include "lib/store/mbox.h"
#include "mail/addresses.h"
#include "mail/compose.h"
#include "mail/dead_letter.h"
#include "mail/leave.h"
#include "mail/mailer.h"
#include "mail/outgoing.h"
#include "mail/scratch.h"

namespace reader {

namespace {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

// More would not fit on a command line: E2BIG comes at a quarter of the stack's limit, the
// environment among it.
constexpr std::size_t most_argument_bytes = 256 * 1024;

// A letter on its way: what is left of it when something fails.
class Sending {
 public:
  Sending(Session& session, Letter letter) : session_(session), letter_(std::move(letter)) {}

  Result<> run() {
    auto sent = hand_over();
    if (!sent) {
      keep();
      return sent;
    }
    record();
    return {};
  }

 private:
  Result<> hand_over() {
    TRY(prepare());
    TRY_LET(mailer, mailer_of(session_));
    std::size_t size = 0;
    for (const auto& address : destinations_.addresses) size += address.size() + 9;
    const bool many = size > most_argument_bytes;
    const std::string more = many ? bcc_field(destinations_.addresses) : std::string();
    TRY_LET(message, outgoing_message(session_, letter_, more));
    message_ = std::move(message);
    if (session_.variables.is_set("debug")) return show(mailer);
    TRY(to_files());
    TRY(to_commands());
    if (destinations_.addresses.empty()) return {};
    return to_sendmail(mailer, many);
  }

  Result<> prepare() {
    letter_.subject = as_utf8(session_, letter_.subject);
    for (auto& field : letter_.fields) field.body = as_utf8(session_, field.body);
    for (auto* list : {&letter_.to, &letter_.cc, &letter_.bcc, &letter_.reply_to})
      for (auto& element : *list) element = as_utf8(session_, element);
    if (letter_.from.empty()) letter_.from = session_.variables.text("from");
    letter_.from = as_utf8(session_, letter_.from);
    const Expansion expansion{.groups = &session_.groups,
                              .self = session_.person.user,
                              .metoo = session_.variables.is_set("metoo"),
                              .addresses_only = !session_.variables.is_set("expandaddr")};
    TRY_LET(destinations, expand_addresses(letter_, expansion));
    destinations_ = std::move(destinations);
    letter_.to = destinations_.to;
    letter_.cc = destinations_.cc;
    if (destinations_.addresses.empty() && destinations_.files.empty() &&
        destinations_.commands.empty())
      return Error{Kind::usage, "no recipient"};
    return {};
  }

  static std::string bcc_field(const std::vector<std::string>& addresses) {
    std::string out = "Bcc:";
    for (std::size_t i = 0; i < addresses.size(); ++i)
      out.append(cat(i == 0 ? " " : ",\n ", addresses[i]));
    return out.append("\n");
  }

  std::vector<std::string> arguments(bool many) const {
    std::vector<std::string> words{"-i"};
    if (session_.variables.is_set("verbose")) words.emplace_back("-v");
    if (!letter_.sender.empty()) words.insert(words.end(), {"-f", letter_.sender});
    if (many) {
      words.emplace_back("-t");
      return words;
    }
    words.emplace_back("--");
    words.insert(words.end(), destinations_.addresses.begin(), destinations_.addresses.end());
    return words;
  }

  Result<> to_sendmail(const Mailer& mailer, bool many) {
    TRY_LET(finished, run_mailer(mailer, arguments(many), message_.number()));
    if (finished.status != 0) return mailer_error(mailer, finished);
    // It took the message; what it has to say is for the person all the same.
    (void)base::write_all(STDERR_FILENO, finished.words, "standard error");
    return {};
  }

  Result<> show(const Mailer& mailer) {
    std::string command;
    for (const auto& word : mailer.command) command.append(cat(word, " "));
    for (const auto& word : arguments(false)) command.append(cat(word, " "));
    base::print(cat(displayable(base::trim(command)), "\n"));
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
    if (!destinations_.bcc.empty()) out.append(bcc_of_letter());
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
      if (::lseek(message_.number(), 0, SEEK_SET) != 0)
        return base::system_error(Kind::io, "letter", "seek", errno);
      TRY_LET(finished, run_mailer(shell, {}, message_.number()));
      if (finished.status != 0) return mailer_error({{command}, {}}, finished);
    }
    if (::lseek(message_.number(), 0, SEEK_SET) != 0)
      return base::system_error(Kind::io, "letter", "seek", errno);
    return {};
  }

  std::string bcc_of_letter() const {
    std::vector<std::string> elements;
    for (const auto& element : destinations_.bcc) elements.push_back(header_address(element));
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

  // All of it, Bcc too, so that `sendmail -t` can send it.
  void keep() {
    const auto path = dead_letter_path(session_);
    if (!path) return;
    const std::string bcc = destinations_.bcc.empty() ? "" : bcc_of_letter();
    const auto kept =
        message_ ? keep_dead_letter(*path, bcc, message_.number()) : keep_unfinished(*path);
    if (!kept) base::complain(cat("the letter is not kept: ", kept.error().text));
  }

  // What failed before it was a message.
  Result<> keep_unfinished(const std::string& path) {
    TRY_LET(nothing, Scratch(session_.environment.tmp).finish());
    const std::string header =
        cat(letter_header(letter_, ""), letter_.bcc.empty() ? "" : bcc_field(letter_.bcc), "\n");
    return keep_dead_letter(path, header, letter_.body ? letter_.body.number() : nothing.number());
  }

  Session& session_;
  Letter letter_;
  Destinations destinations_;
  Fd message_;
};

}  // namespace

Result<> send(Session& session, Letter letter) { return Sending(session, std::move(letter)).run(); }

}  // namespace reader
