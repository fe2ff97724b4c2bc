// composition.h - a letter while a person writes it: what escapes work on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/letter.h"
#include "mail/session.h"
#include "mail/tilde.h"

namespace reader {

struct Composition {
  Session& session;
  Letter& letter;                           ///< its body is written to as the person types
  const std::vector<std::size_t>& current;  ///< messages that `~f` and `~m` mean without a list

  /// Errors: retry, io.
  base::Result<> append(std::string_view text);
  base::Result<bool> empty() const;
  /// Put the whole text of a file in the place of the body. Errors: retry, io.
  base::Result<> replace(base::Fd text);
};

/// How it goes on behind an escape.
enum class After {
  go_on,
  say_continue,  ///< the same, after "(continue)"
  finish,        ///< ~.
  keep,          ///< ~q
  discard,       ///< ~x
};

/// Carry out an escape. Errors: a diagnostic; the letter goes on (POSIX: only others end it).
base::Result<After> run_escape(Composition& composition, const Escape& escape);

/// To, Subject, Cc and Bcc as a person sees them before the text: bsd-mailx's lines.
std::string shown_header(const Session& session, const Letter& letter);
/// Elements on one line: blanks between bare ones, as they are typed, else commas.
std::string joined(const Addresses& elements);
/// Ask for a field with what it holds already; false: interrupted, nothing is changed.
bool ask_addresses(Session& session, const std::string& prompt, Addresses& elements);
bool ask_subject(Session& session, const std::string& prompt, std::string& subject);

/// The text of a message that is quoted or forwarded: its fields (all of them, none, or those that
/// ignore and retain or fwdignore and fwdretain show), an empty line, the text of its parts. UTF-8.
/// Errors: io.
enum class QuotedFields { none, shown, forwarded, all };
base::Result<std::string> quoted_message(Session& session, std::size_t index, QuotedFields which);

}  // namespace reader
