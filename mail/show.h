// show.h - messages and lists on the screen.
#pragma once

#include <span>
#include <string>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// One line of the list, with its LF, in the terminal's charset, cut at its width: bsd-mailx's
/// "%c%c%3d %-17.17s  %16.16s %4d/%-5d %s". Errors: io.
base::Result<std::string> headline(Session& session, std::size_t index);

/// A message for people: "Message 1:", the From_ line, the fields that `fields` shows, decoded; the
/// shown parts as text; a line for each other part. Errors: usage ("Interrupt": a person would not
/// wait for a helper or a converter), io.
base::Result<std::string> message_text(Session& session, std::size_t index,
                                       const FieldList& fields);

/// What a message says, UTF-8 and not fit for a terminal: its shown parts, HTML as text. For
/// searching. Errors: data, unavailable, io.
base::Result<std::string> readable_text(Session& session, std::size_t index);

/// Print text; where it is longer than `crt` says and a person looks, through PAGER.
void page(Session& session, std::string_view text);
/// The same whatever its length.
void page_always(Session& session, std::string_view text);

}  // namespace reader
