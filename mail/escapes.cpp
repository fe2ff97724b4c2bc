#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/addresses.h"
#include "mail/command.h"
#include "mail/composition.h"
#include "mail/dead_letter.h"
#include "mail/leave.h"
#include "mail/mailer.h"
#include "mail/outgoing.h"
#include "mail/run.h"
#include "mail/scratch.h"
#include "mail/select.h"
#include "mail/words.h"

namespace reader {

namespace {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

std::string shown(std::string_view text) { return base::printable(text, 200); }

// `"out" 3/13`: lines and bytes.
struct Counted {
  std::uint64_t lines = 0, bytes = 0;
  void add(std::string_view piece) {
    bytes += piece.size();
    lines += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
  }
  void say(std::string_view name) const {
    base::print(cat("\"", shown(name), "\" ", lines, "/", bytes, "\n"));
  }
};

Result<After> insert_file(Composition& composition, int file, std::string_view name) {
  Counted counted;
  bool ended = true;
  TRY(read_pieces(file, 0, [&](std::string_view piece) {
    counted.add(piece);
    ended = piece.ends_with('\n');
    return composition.append(piece);
  }));
  if (!ended) TRY(composition.append("\n"));
  counted.say(name);
  return After::go_on;
}

Result<After> read_file_named(Composition& composition, const std::string& path) {
  TRY_LET(file, base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path));
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return base::system_error(path, "stat", errno);
  if (!S_ISREG(status.st_mode)) return Error{Kind::data, cat(shown(path), ": not a regular file")};
  return insert_file(composition, file.number(), path);
}

Result<After> shell(Composition& composition, std::string_view argument) {
  TRY(run_shell(composition.session, std::string(argument)));
  base::print("!\n");
  return After::go_on;
}

Result<After> finish(Composition&, std::string_view) { return After::finish; }
Result<After> keep(Composition&, std::string_view) { return After::keep; }
Result<After> discard(Composition&, std::string_view) { return After::discard; }

// What the command says about leaving is not for a letter.
Result<After> command(Composition& composition, std::string_view argument) {
  TRY(run_line(composition.session, argument));
  return After::say_continue;
}

Result<After> help(Composition&, std::string_view) {
  base::print(escape_help());
  return After::go_on;
}

Result<After> sign(Composition& composition, const char* variable) {
  const auto* text = composition.session.variables.find(variable);
  if (text == nullptr || text->empty())
    return Error{Kind::usage, cat("No value set for \"", variable, "\"")};
  const auto lines = signature_text(*text);
  base::print(cat(displayable_lines(lines), "\n"));
  TRY(composition.append(cat(lines, "\n")));
  return After::go_on;
}
Result<After> short_sign(Composition& composition, std::string_view) {
  return sign(composition, "sign");
}
Result<After> long_sign(Composition& composition, std::string_view) {
  return sign(composition, "Sign");
}

Result<After> value(Composition& composition, std::string_view argument) {
  const auto* text = composition.session.variables.find(argument);
  if (text == nullptr)
    return Error{Kind::usage, cat("\"", shown(argument), "\": undefined variable")};
  base::print(cat(displayable_lines(*text), "\n"));
  TRY(composition.append(cat(*text, "\n")));
  return After::go_on;
}

Result<After> add_names(Addresses& list, std::string_view argument) {
  TRY_LET(elements, split_addresses(argument));
  if (elements.empty()) return Error{Kind::usage, "No names given."};
  list.insert(list.end(), elements.begin(), elements.end());
  return After::go_on;
}
Result<After> add_to(Composition& composition, std::string_view argument) {
  return add_names(composition.letter.to, argument);
}
Result<After> add_cc(Composition& composition, std::string_view argument) {
  return add_names(composition.letter.cc, argument);
}
Result<After> add_bcc(Composition& composition, std::string_view argument) {
  return add_names(composition.letter.bcc, argument);
}

Result<After> subject(Composition& composition, std::string_view argument) {
  composition.letter.subject = argument;
  return After::go_on;
}

Result<After> header(Composition& composition, std::string_view) {
  Session& session = composition.session;
  Letter& letter = composition.letter;
  ask_addresses(session, "To: ", letter.to) && ask_subject(session, "Subject: ", letter.subject) &&
      ask_addresses(session, "Cc: ", letter.cc) && ask_addresses(session, "Bcc: ", letter.bcc);
  return After::say_continue;
}

Result<After> print(Composition& composition, std::string_view) {
  const Session& session = composition.session;
  const Letter& letter = composition.letter;
  TRY_LET(facts, look_at_body(letter.body ? letter.body.number() : -1));
  std::string text = cat("-------\nMessage contains:\n", shown_header(session, letter));
  for (const auto& field : letter.fields)
    text.append(displayable(cat(field.name, ": ", field.body))).append("\n");
  text.append(entity_of(letter, facts, legacy_charset(session)).header);
  for (const auto& attachment : letter.attachments)
    text.append(cat("Attachment: ", displayable(attachment.path), "\n"));
  base::print(cat(text, "\n"));
  if (letter.body)
    TRY(read_pieces(letter.body.number(), 0, [&](std::string_view piece) -> Result<> {
      base::print(for_charset(displayable_lines(piece), session.terminal.charset));
      return {};
    }));
  return After::say_continue;
}

Result<After> dead_letter(Composition& composition, std::string_view) {
  TRY_LET(path, dead_letter_path(composition.session));
  if (!path) return Error{Kind::usage, "DEAD: no file is kept"};
  return read_file_named(composition, *path);
}

Result<After> insert(Composition& composition, std::string_view argument) {
  if (argument.empty()) return Error{Kind::usage, "Interpolate what file?"};
  if (argument[0] != '!') {
    TRY_LET(path, expand_name(composition.session, argument));
    return read_file_named(composition, path);
  }
  TRY_LET(output, unnamed_file(composition.session.environment.tmp));
  TRY_LET(status, run_filter(composition.session, argument.substr(1), -1, output.number()));
  if (status != 0) base::complain(cat("Fatal error, process exited with code ", status, "."));
  return insert_file(composition, output.number(), argument);
}

Result<After> filter(Composition& composition, std::string_view argument) {
  if (argument.empty()) return Error{Kind::usage, "Pipe through what command?"};
  TRY(composition.append(""));
  TRY_LET(output, unnamed_file(composition.session.environment.tmp));
  TRY_LET(status, run_filter(composition.session, argument, composition.letter.body.number(),
                             output.number()));
  if (status != 0) {
    base::print(cat("Fatal error, process exited with code ", status, ".\n"));
    return After::say_continue;
  }
  struct stat written;
  if (::fstat(output.number(), &written) != 0 || written.st_size == 0) {
    base::print(cat("No bytes from \"", shown(argument), "\" !?\n"));
    return After::say_continue;
  }
  TRY(composition.replace(std::move(output)));
  return After::say_continue;
}

// A name that is there is not written over.
Result<After> write(Composition& composition, std::string_view argument) {
  if (argument.empty()) return Error{Kind::usage, "Write to what file?"};
  TRY_LET(path, expand_name(composition.session, argument));
  TRY(composition.append(""));
  auto file = base::open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, path);
  if (!file && file.error().system_error == EEXIST)
    return Error{Kind::usage, cat(shown(path), ": File exists")};
  if (!file) return std::move(file).error();
  Counted counted;
  TRY(read_pieces(composition.letter.body.number(), 0, [&](std::string_view piece) {
    counted.add(piece);
    return base::write_all(file.value().number(), piece, path);
  }));
  TRY(file.value().close(path));
  counted.say(argument);
  return After::go_on;
}

Result<After> attach(Composition& composition, std::string_view argument) {
  for (const auto& word : split_words(argument)) {
    TRY_LET(path, expand_name(composition.session, word));
    TRY(base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path));
    composition.letter.attachments.push_back(
        {.path = path, .name = path.substr(path.rfind('/') + 1), .type = {}, .charset = {}});
  }
  for (const auto& attachment : composition.letter.attachments)
    base::print(cat("Attachment: ", displayable(attachment.path), "\n"));
  return After::go_on;
}

// --- messages

Result<After> interpolate(Composition& composition, std::string_view argument, QuotedFields which,
                          std::string_view prefix) {
  Session& session = composition.session;
  if (!session.folder) return Error{Kind::usage, "No messages here."};
  auto messages = composition.current;
  if (!argument.empty() || messages.empty()) {
    TRY_LET(selected, select_messages(session, split_words(argument), Among::present));
    messages = std::move(selected);
  }
  std::string numbers;
  for (const auto index : messages) numbers.append(cat(" ", index + 1));
  base::print(cat("Interpolating:", numbers, "\n"));
  for (const auto index : messages) {
    TRY_LET(text, quoted_message(session, index, which));
    TRY(composition.append(cat(indented(text, prefix), "\n")));
  }
  return After::say_continue;
}

std::string prefix_of(const Composition& composition) {
  const auto* prefix = composition.session.variables.find("indentprefix");
  return prefix == nullptr ? "\t" : *prefix;
}
Result<After> forward_shown(Composition& composition, std::string_view argument) {
  return interpolate(composition, argument, QuotedFields::shown, "");
}
Result<After> forward_all(Composition& composition, std::string_view argument) {
  return interpolate(composition, argument, QuotedFields::all, "");
}
Result<After> quote_shown(Composition& composition, std::string_view argument) {
  return interpolate(composition, argument, QuotedFields::shown, prefix_of(composition));
}
Result<After> quote_all(Composition& composition, std::string_view argument) {
  return interpolate(composition, argument, QuotedFields::all, prefix_of(composition));
}

// --- editors

// A named file for an editor; it goes with the object.
class NamedCopy {
 public:
  explicit NamedCopy(const std::string& folder) : path_(cat(folder, "/mail.XXXXXX")) {
    file_ = Fd(::mkostemp(path_.data(), O_CLOEXEC));
  }
  NamedCopy(const NamedCopy&) = delete;
  ~NamedCopy() {
    if (file_) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  const Fd& file() const { return file_; }

 private:
  std::string path_;
  Fd file_;
};

Result<After> edit(Composition& composition, const char* variable, const char* otherwise) {
  const Session& session = composition.session;
  TRY(composition.append(""));
  const NamedCopy copy(session.environment.tmp);
  if (!copy.file()) return base::system_error(copy.path(), "make", errno);
  TRY(read_pieces(composition.letter.body.number(), 0, [&](std::string_view piece) {
    return base::write_all(copy.file().number(), piece, copy.path());
  }));
  const auto editor = session.variables.text(variable, otherwise);
  // The editor may be a command line; the file's name is not ours to fear.
  TRY_LET(status,
          run_program(session, {"/bin/sh", "-c", cat(editor, " \"$1\""), "sh", copy.path()}));
  if (status != 0) {
    base::print(cat("Fatal error, process exited with code ", status, ".\n"));
    return After::say_continue;
  }
  // An editor may have put another file in its place.
  TRY_LET(edited, base::open_at(AT_FDCWD, copy.path(), O_RDONLY | O_NOFOLLOW, 0, copy.path()));
  TRY_LET(body, unnamed_file(session.environment.tmp));
  TRY(read_pieces(edited.number(), 0, [&](std::string_view piece) {
    return base::write_all(body.number(), piece, "letter");
  }));
  TRY(composition.replace(std::move(body)));
  return After::say_continue;
}
Result<After> edit_lines(Composition& composition, std::string_view) {
  return edit(composition, "EDITOR", "ed");
}
Result<After> edit_screen(Composition& composition, std::string_view) {
  return edit(composition, "VISUAL", "vi");
}

struct Known {
  char letter;
  Result<After> (*run)(Composition&, std::string_view);
};
constexpr Known escapes[] = {
    {'!', shell},       {'.', finish},      {':', command},    {'_', command},
    {'?', help},        {'a', short_sign},  {'A', long_sign},  {'b', add_bcc},
    {'c', add_cc},      {'d', dead_letter}, {'e', edit_lines}, {'f', forward_shown},
    {'F', forward_all}, {'h', header},      {'i', value},      {'m', quote_shown},
    {'M', quote_all},   {'p', print},       {'q', keep},       {'r', insert},
    {'<', insert},      {'s', subject},     {'t', add_to},     {'v', edit_screen},
    {'w', write},       {'x', discard},     {'|', filter},     {'@', attach},
};

}  // namespace

Result<After> run_escape(Composition& composition, const Escape& escape) {
  for (const auto& known : escapes)
    if (known.letter == escape.letter) return known.run(composition, escape.argument);
  base::print("Unknown tilde escape.\n");
  return After::go_on;
}

}  // namespace reader
