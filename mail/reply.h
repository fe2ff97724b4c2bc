// reply.h - to whom an answer goes, and what it says about what it answers (RFC 5322 section
// 3.6.4). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mail/letter.h"

namespace reader {

/// Who answers: addresses that are left out of the recipients.
struct Answerer {
  std::string user, host, domain;
  std::vector<std::string> alternates;  ///< addresses, or names at host and domain
  bool metoo = false;                   ///< they are not left out
  bool same_login = false;              ///< allnet: the name alone tells
  /// Whether an address is one of the answerer's.
  bool is(std::string_view address) const;
};

enum class AnswerTo { all, sender, list };

/// To, Cc, Subject, In-Reply-To and References of an answer. Reply-To goes before From,
/// Mail-Followup-To before all where all or the list are meant, List-Post is the list. Where nobody
/// would be left, the answerer's own address stays. Fit for a terminal. What is malformed there, or
/// could be taken for a file, a command or an option, goes to left_out. header: as
/// Folder::header().
Letter make_answer(std::string_view header, std::string_view from_line, const Answerer& answerer,
                   AnswerTo whom);

/// "Re: subject", "Re:" once.
std::string answer_subject(std::string_view subject);

/// Message ids of a thread as References has them: those before, and the one that is answered; the
/// first and the last twenty. Each is `<…>` without blanks.
std::string next_references(std::string_view references, std::string_view in_reply_to,
                            std::string_view message_id);

}  // namespace reader
