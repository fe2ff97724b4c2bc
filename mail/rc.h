// rc.h - files of commands: /etc/mail.rc, ~/.mailrc, `source`. They are read as text; nothing in
// them reaches a shell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// A command of a file: continuation lines joined, without blanks around it. Comments, empty lines
/// and the blocks of other programs (`define NAME {` … `}`, `account NAME {` … `}`) are left out.
struct RcLine {
  std::size_t number = 0;  ///< of its first line, from 1
  std::string text;
};
std::vector<RcLine> rc_lines(std::string_view text);

/// Whether a line goes on in the next one: it ends in a backslash that no other one quotes.
bool goes_on(std::string_view line);

/// Carry out the commands of a text. name: stands before its mistakes, which are told (while we
/// start: each once) and end nothing; settings and commands that nobody knows are told once each,
/// those of bsd-mailx and s-nail that mean nothing here are passed over.
void run_rc(Session& session, const std::string& name, std::string_view text);

/// Whether remarks on start-up files are told: people who mail from a program want no word on
/// standard error that is not about their mail, unless they ask for more (-v).
bool talkative(const Session& session);

/// Who may have written a file that is obeyed.
enum class Trust { anybody, user_and_root };
/// Read a file and carry it out. A character device (/dev/null) is an empty file. Errors: usage
/// (`source` in a circle), no_input (`NAME: No such file or directory`), no_permission (`NAME: not
/// read: …`: its owner or mode), io, data.
base::Result<> source_file(Session& session, const std::string& path, Trust trust);

/// `if WORDS`: whether it holds; nullopt: not a question that we can answer.
enum class Answer { no, yes, unknown };
Answer condition(const Session& session, const std::vector<std::string>& words);

/// A variable that some command or program of ours, or s-nail or bsd-mailx, knows.
bool known_variable(std::string_view name);

}  // namespace reader
