// addresses.h - to whom a letter goes: what people and scripts type as recipients, aliases behind
// it, and what may not be one. Pure. Nothing here reaches a shell or a file's name (CVE-2004-2771,
// CVE-2014-7844).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/letter.h"
#include "mail/session.h"

namespace reader {

/// Whether a word names a file (`/x`, `./x`, `+x`, a slash before any '@') or a command (`|x`)
/// instead of a person. An address with a domain is a person's even so (`a/b@x`, `+1@x`), unless it
/// begins with `/`, `.` or `|`.
enum class Destination { person, file, command };
Destination destination_of(std::string_view word);

/// A list as people type it, one element each: separated by commas, or by blanks where nothing else
/// would make sense of it. A word that is a file or a command is one element. Errors: usage (`X:
/// what is wrong with it`).
base::Result<Addresses> split_addresses(std::string_view list);

/// The same for a list that others may have written (header fields): files and commands are
/// refused. Errors: usage.
base::Result<Addresses> split_persons(std::string_view list);

/// An element for a header field: `phrase <address>`, RFC 2047 where it is needed.
std::string header_address(std::string_view element);
/// The bare address of an element, without display name; a leading `\` (no alias) is dropped.
std::string bare_address(std::string_view element);

/// Put a `\` before elements that name aliases: somebody else wrote them, and does not choose which
/// of our aliases (commands and files among them) is used.
void guard_from_aliases(const Groups& groups, Addresses& elements);

/// How aliases are expanded.
struct Expansion {
  const Groups* groups = nullptr;
  std::string self;  ///< dropped from aliases that hold others too, unless metoo
  bool metoo = false;
  bool addresses_only = true;  ///< no files and no commands (`expandaddr` is not set)
};

/// A letter's recipients, ready to be used.
struct Destinations {
  Addresses to, cc, bcc;               ///< expanded; what names a file or a command is not in them
  std::vector<std::string> addresses;  ///< of all three, bare, each once
  std::vector<std::string> files, commands;
};

/// Aliases expanded (recursively, each word of theirs as split_addresses() has it; an alias in
/// itself ends there; `\name` is none), each address once, in the first field that has it. Errors:
/// usage (an element that is more than one address; an address that begins with `-`, is malformed,
/// is a file or a command where that is not allowed, or would be one for an MTA: unqualified, and
/// it begins with `|`, `:`, `+` or `~` or holds a slash, whatever quotes hide it).
base::Result<Destinations> expand_addresses(const Letter& letter, const Expansion& expansion);

}  // namespace reader
