// Messages are taken apart: texts and attachments saved, listed, opened.
//
// `3.2` is part 2 of message 3, wherever a message list would stand.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/attachments.h"
#include "mail/display.h"
#include "mail/leave.h"
#include "mail/print_commands.h"
#include "mail/run.h"
#include "mail/select.h"
#include "mail/table.h"
#include "mail/viewer.h"
#include "mail/walk.h"
#include "mail/words.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {
/// A message, or one part of it.
struct Wanted {
  std::size_t message = 0;
  std::string part;  ///< "2.1"; empty: the message
};

// "3.2" as message and part.
std::optional<Wanted> part_named(const Session& session, std::string_view word) {
  const auto dot = word.find('.');
  if (dot == std::string_view::npos || dot + 1 == word.size()) return std::nullopt;
  const auto number = base::to_number<std::size_t>(word.substr(0, dot));
  const auto part = word.substr(dot + 1);
  const bool digits = base::digit(part.front()) && base::digit(part.back()) &&
                      part.find_first_not_of("0123456789.") == std::string_view::npos;
  if (!number || *number == 0 || *number > message_count(session) || !digits) return std::nullopt;
  return Wanted{*number - 1, std::string(part)};
}

Result<std::vector<Wanted>> wanted(Session& session, std::string_view list) {
  std::vector<std::string> words;
  std::vector<Wanted> found;
  for (auto& word : split_words(list)) {
    if (auto part = part_named(session, word)) found.push_back(std::move(*part));
    else words.push_back(std::move(word));
  }
  if (words.empty() && !found.empty()) return found;
  TRY_LET(messages, select_messages(session, words, Among::present));
  for (const auto index : messages) found.push_back({index, {}});
  return found;
}

/// A message with its parts.
struct Opened {
  std::string text;
  MimeMessage parts;
};
Result<Opened> opened(Session& session, std::size_t index) {
  TRY_LET(text, session.folder->text(index));
  TRY_LET(parts, session.mime.read(text));
  touch(session, index);
  session.dot = index;
  return Opened{std::move(text), std::move(parts)};
}

Result<const MimePart*> find(const Opened& message, const Wanted& which) {
  const auto* const part = part_numbered(message.parts, which.part);
  if (part) return part;
  return Error{Kind::usage, cat(which.message + 1, ".", which.part, ": No such part")};
}

// `"report.pdf" [New file]`, as `save` says it.
void tell_file(const Session& session, std::string_view path, bool made) {
  show(session, cat("\"", displayable(path), "\" ", made ? "[New file]" : "[Appended]", "\n"));
}

Result<> save_part(Session& session, const Opened& message, const MimePart& part,
                   const std::string& folder, const std::string& name) {
  TRY_LET(path, save_new(session.mime, message.text, part, folder, name));
  tell_file(session, path, true);
  return {};
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// Attachments, and what else is not shown. A person is asked for each name, and may leave one out
// by giving none. Whether all were saved.
Result<bool> save_attachments(Session& session, const Opened& message, const std::string& folder,
                              bool ask) {
  bool all = true;
  for (const auto* const part : attachments_of(message.parts)) {
    std::string path = cat(folder, file_name(*part));
    if (ask) {
      const auto line = session.input->edit(
          cat("Save ", displayable(part->type), ", ", size_text(part->size), ", as: "), path);
      if (line.kind == Line::Kind::interrupted) return Error{Kind::usage, "Interrupt"};
      path = line.text;
      if (base::trim(path).empty()) {
        all = false;
        continue;
      }
    }
    const auto where = folder_of(path);
    TRY(save_part(session, message, *part, where, path.substr(where.size())));
  }
  return all;
}

// What a person reads of a message, without what the terminal needs; of a message within it the
// header too.
std::string text_of(const Opened& message) {
  std::string text;
  for (const auto& part : message.parts.parts) {
    if (!part.shown) continue;
    text.append(part.text);
    if (!text.empty() && !text.ends_with('\n')) text.push_back('\n');
    if (part.container) text.push_back('\n');
  }
  return text;
}

// Multiparts within multiparts, and nothing in them.
bool hollow(const MimeMessage& message) {
  return std::all_of(message.parts.begin(), message.parts.end(), [](const MimePart& part) {
    return part.container && part.type.starts_with("multipart/");
  });
}

/// A file that texts are added to.
struct Output {
  Fd file;
  std::string path;
  bool made = false, regular = true;
};

Result<Output> open_output(const std::string& path) {
  constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
  Fd file(::open(path.c_str(), flags | O_CREAT | O_EXCL, 0666));
  if (file) return Output{std::move(file), path, true};
  if (errno == EEXIST) file = Fd(::open(path.c_str(), flags));
  if (!file) return base::system_error(path, "open", errno);
  struct stat status {};
  const bool regular = ::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode);
  return Output{std::move(file), path, false, regular};
}

// The text of a message; a message that is no text is written as what it is, and one that nobody
// can take apart as it came.
Result<> write_text(Session& session, const Opened& message, const Output& output) {
  const auto& parts = message.parts.parts;
  if (hollow(message.parts)) {
    const auto end = message.text.find("\n\n");  // of the header
    const auto body = end == std::string::npos ? message.text.size() : end + 2;
    return base::write_all(output.file.number(), std::string_view(message.text).substr(body),
                           output.path);
  }
  if (parts.size() == 1 && !parts[0].shown && !parts[0].container)
    return session.mime.extract(message.text, parts[0].number, output.file.number());
  return base::write_all(output.file.number(), text_of(message), output.path);
}

// Whether nothing of the message was left out.
Result<bool> write_one(Session& session, const Wanted& which, const Output& output) {
  TRY_LET(message, opened(session, which.message));
  if (!which.part.empty()) {
    TRY_LET(part, find(message, which));
    TRY(session.mime.extract(message.text, part->number, output.file.number()));
    return false;
  }
  TRY(write_text(session, message, output));
  if (message.parts.parts.size() == 1) return true;
  if (!output.regular && !attachments_of(message.parts).empty()) {
    // Beside a device would be /dev, where names that senders choose have no business.
    show(session, cat("Message ", which.message + 1, ": attachments are not saved beside \"",
                      displayable(output.path), "\"\n"));
    return false;
  }
  const bool person = session.input->person();
  TRY_LET(all, save_attachments(session, message, folder_of(output.path), person));
  if (message.parts.truncated) base::print(cat(too_many_parts, "\n"));
  return all && !message.parts.truncated;
}

Result<Next> write_named_part(Session& session, const Wanted& which, const std::string& folder) {
  TRY_LET(message, opened(session, which.message));
  TRY_LET(part, find(message, which));
  TRY(save_part(session, message, *part, folder, file_name(*part)));
  return Next::go_on;
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string line_of(const MimePart& part) {
  std::string line(2 + 2 * static_cast<std::size_t>(std::min(part.depth, 20)), ' ');
  line.append(part.number.empty() && !part.container ? "1" : part.number);
  line.resize(std::max<std::size_t>(line.size() + 1, 10), ' ');
  if (!part.name.empty()) line.append(cat(displayable(part.name), ", "));
  line.append(displayable(part.type));
  for (const auto& detail : {part.charset, part.encoding})
    if (!detail.empty()) line.append(cat(", ", displayable(detail)));
  if (!part.container) line.append(cat(", ", size_text(part.size)));
  if (!part.description.empty()) line.append(cat(" (", displayable(part.description), ")"));
  return line + "\n";
}
}  // namespace

Result<Next> write_messages(Session& session, const Call& call) {
  const auto last = split_last_word(call.text);
  if (last.word.empty()) return Error{Kind::usage, "No file specified."};
  if (base::trim(last.before).empty())
    if (const auto part = part_named(session, last.word))
      return write_named_part(session, *part, {});
  TRY_LET(list, wanted(session, last.before));
  TRY_LET(path, expand_name(session, last.word));
  TRY_LET(output, open_output(path));
  tell_file(session, path, output.made);
  std::vector<std::size_t> written;
  for (const auto& which : list) {
    TRY_LET(whole, write_one(session, which, output));
    if (whole) written.push_back(which.message);
  }
  if (output.regular) TRY(base::sync(output.file.number(), path));
  TRY(output.file.close(path));
  // What is marked so leaves the mailbox with the session (POSIX), so it must be safe by now.
  for (const auto index : written) session.marks[index] |= Mark::saved;
  return Next::go_on;
}

Result<Next> detach_parts(Session& session, const Call& call) {
  const auto last = split_last_word(call.text);
  std::string_view list = call.text;
  std::string folder;
  if (!last.word.empty() && !part_named(session, last.word)) {
    const auto path = expand_name(session, last.word);
    if (path && is_folder(path.value())) {
      folder = cat(path.value(), path.value().ends_with('/') ? "" : "/");
      list = last.before;
    }
  }
  TRY_LET(all, wanted(session, list));
  for (const auto& which : all) {
    if (!which.part.empty()) {
      TRY(write_named_part(session, which, folder));
      continue;
    }
    TRY_LET(message, opened(session, which.message));
    if (attachments_of(message.parts).empty())
      base::print(cat("Message ", which.message + 1, " has no attachments.\n"));
    TRY(save_attachments(session, message, folder, false));
  }
  return Next::go_on;
}

Result<Next> list_parts(Session& session, const Call& call) {
  for (const auto index : call.messages) {
    TRY_LET(message, opened(session, index));
    base::print(cat("Message ", index + 1, ":\n"));
    for (const auto& part : message.parts.parts) show(session, line_of(part));
    if (message.parts.truncated) base::print(cat(too_many_parts, "\n"));
  }
  return Next::go_on;
}

Result<Next> open_part(Session& session, const Call& call) {
  TRY_LET(list, wanted(session, call.text));
  for (const auto& which : list) {
    TRY_LET(message, opened(session, which.message));
    if (!which.part.empty()) {
      TRY_LET(part, find(message, which));
      TRY(view(session, message.text, *part));
      continue;
    }
    const auto attached = attachments_of(message.parts);
    if (attached.size() == 1) TRY(view(session, message.text, *attached[0]));
    else
      return Error{Kind::usage, cat("Message ", which.message + 1, " has ", attached.size(),
                                    " attachments: say which (`parts` numbers them)")};
  }
  return Next::go_on;
}

}  // namespace reader
