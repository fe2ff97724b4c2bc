#include "mail/composition.h"

#include <unistd.h>

#include <cerrno>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/encoded_word.h"
#include "mail/html.h"
#include "mail/scratch.h"

namespace reader {

using base::cat;
using base::Kind;
using base::Result;

Result<> Composition::append(std::string_view text) {
  if (!letter.body) {
    TRY_LET(file, unnamed_file(session.environment.tmp));
    letter.body = std::move(file);
  }
  const auto size = ::lseek(letter.body.number(), 0, SEEK_END);
  if (size < 0) return base::system_error(Kind::io, "letter", "seek", errno);
  auto written = base::write_all(letter.body.number(), text, "letter");
  if (written) return written;
  // A full disk is no reason to lose what somebody wrote.
  TRY_LET(memory, copy_in_memory(letter.body.number(), static_cast<std::uint64_t>(size)));
  letter.body = std::move(memory);
  return base::write_all(letter.body.number(), text, "letter");
}

Result<bool> Composition::empty() const {
  if (!letter.body) return true;
  char first;
  TRY_LET(size, base::read_at(letter.body.number(), {&first, 1}, 0, "letter"));
  return size == 0;
}

Result<> Composition::replace(base::Fd text) {
  letter.body = std::move(text);
  return {};
}

std::string joined(const Addresses& elements) {
  bool bare = true;
  for (const auto& element : elements) bare = bare && element.find_first_of(" ,\"") == element.npos;
  std::string out;
  for (const auto& element : elements)
    out.append(out.empty() ? "" : bare ? " " : ", ").append(element);
  return out;
}

std::string shown_header(const Session& session, const Letter& letter) {
  const auto line = [&](std::string_view name, const std::string& text) {
    return text.empty()
               ? std::string()
               : cat(for_charset(displayable(cat(name, ": ", text)), session.terminal.charset),
                     "\n");
  };
  return cat(line("From", letter.from), line("To", joined(letter.to)),
             line("Subject", letter.subject), line("Cc", joined(letter.cc)),
             line("Bcc", joined(letter.bcc)));
}

bool ask_addresses(Session& session, const std::string& prompt, Addresses& elements) {
  for (std::string text = joined(elements);;) {
    auto line = session.input->edit(prompt, text);
    if (line.kind == Line::Kind::interrupted) return false;
    if (line.kind == Line::Kind::end) return true;
    auto split = split_addresses(line.text);
    if (split) {
      elements = std::move(split).value();
      return true;
    }
    base::complain(split.error().text);
    text = line.text;
  }
}

bool ask_subject(Session& session, const std::string& prompt, std::string& subject) {
  auto line = session.input->edit(prompt, subject);
  if (line.kind == Line::Kind::interrupted) return false;
  if (line.kind == Line::Kind::text) subject = base::trim(line.text);
  return true;
}

namespace {

// fwdignore and fwdretain where they say anything, else what is shown.
bool shows(const Session& session, QuotedFields which, std::string_view name) {
  if (which == QuotedFields::all) return true;
  const auto& own = session.forwarded;
  const bool set = !own.ignored.empty() || !own.retained.empty();
  return (which == QuotedFields::forwarded && set ? own : session.shown).shows(base::lowered(name));
}

std::string quoted_header(const Session& session, std::string_view header, QuotedFields which) {
  std::string out;
  bool wanted = false;
  std::string field;
  const auto add = [&] {
    if (wanted && !field.empty()) out.append(decoded_words(field)).append("\n");
    field.clear();
  };
  while (!header.empty()) {
    const auto line = base::take(header, '\n');
    const bool continued = line.starts_with(' ') || line.starts_with('\t');
    if (continued && !field.empty()) {
      field.append("\n").append(line);
      continue;
    }
    add();
    const auto name = line.substr(0, rfc::field_name_length(line));
    wanted = !name.empty() && (shows(session, which, name));
    field = line;
  }
  add();
  return out.empty() ? out : cat(out, "\n");
}

// As a last resort the text as it stands: whoever quotes a message wants to see it.
std::string quoted_body(Session& session, const std::string& text) {
  const auto message = session.mime.read(text);
  std::string out;
  if (message)
    for (const auto& part : message.value().parts) {
      if (!part.shown) continue;
      if (!out.empty() && !out.ends_with("\n\n")) out.append("\n");
      out.append(part.type == "text/html" ? html_text(part.text) : part.text);
      if (!out.empty() && !out.ends_with('\n')) out.append("\n");
    }
  else if (const auto body = text.find("\n\n"); body != std::string::npos)
    out = text.substr(body + 2);
  return out;
}

}  // namespace

Result<std::string> quoted_message(Session& session, std::size_t index, QuotedFields which) {
  TRY_LET(text, session.folder->text(index));
  std::string out;
  if (which != QuotedFields::none) {
    TRY_LET(header, session.folder->header(index));
    out = quoted_header(session, header, which);
  }
  return out.append(quoted_body(session, text));
}

}  // namespace reader
