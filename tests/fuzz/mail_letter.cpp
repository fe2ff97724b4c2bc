// mail_letter.cpp - whatever people and scripts write as addresses, subjects and fields, a letter
// has the fields it should have and no others.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/letter.h"
#include "mail/outgoing.h"
#include "mail/template.h"
#include "tests/fuzz/require.h"

namespace {

using reader::Letter;

// Names of the fields of a header; every line must belong to one.
std::vector<std::string> field_names(std::string_view header) {
  std::vector<std::string> names;
  require(header.empty() || header.ends_with('\n'), "a header ends in a line end");
  while (!header.empty()) {
    const auto line = base::take(header, '\n');
    require(!line.empty(), "a header has no empty line");
    require(line.find_first_of(std::string_view("\r\0", 2)) == std::string_view::npos,
            "a header holds no CR and no NUL");
    const bool goes_on = line[0] == ' ' || line[0] == '\t';
    const auto length = rfc::field_name_length(line);
    require(goes_on || length > 0, "each line begins or goes on with a field");
    if (!goes_on) names.emplace_back(line.substr(0, length));
    // An address may be too long to be one; that is found when it is to be used.
    require(line.size() <= 998 || rfc::holds_addresses(rfc::field_of(names.back())),
            "no line is longer than 998 bytes");
  }
  return names;
}

// The lines of an input: what kind of thing its first letter says, and the thing.
Letter letter_of(std::string_view text) {
  Letter letter;
  for (const auto line : base::split(text, '\n')) {
    if (line.empty()) continue;
    std::string rest(line.substr(1));
    // Line ends are meant to come from arguments.
    std::replace(rest.begin(), rest.end(), '\v', '\n');
    switch (line[0]) {
      case 's': letter.subject = rest; break;
      case 'r': letter.references = rest; break;
      case 'f': letter.from = rest; break;
      case 'a': letter.cc.push_back(rest); break;
      case 't':
        if (const auto elements = reader::split_addresses(rest))
          letter.to.insert(letter.to.end(), elements.value().begin(), elements.value().end());
        break;
      default: {
        const auto colon = std::min(rest.find(':'), rest.size());
        letter.fields.push_back(
            {rest.substr(0, colon), rest.substr(std::min(colon + 1, rest.size()))});
      }
    }
  }
  return letter;
}

void check_header(const Letter& letter) {
  const auto names = field_names(
      reader::letter_header(letter, "MIME-Version: 1.0\nContent-Type: text/plain;\n x=y\n"));
  for (const auto& name : names) {
    require(!base::iequals(name, "Bcc"), "Bcc is in no header");
    const bool ours = name == "From" || name == "To" || name == "Cc" || name == "Subject" ||
                      name == "References" || name == "MIME-Version" || name == "Content-Type";
    const bool theirs = std::any_of(letter.fields.begin(), letter.fields.end(),
                                    [&](const Letter::Field& field) { return field.name == name; });
    require(ours || theirs, "a letter has no field that nobody gave it");
  }
  for (const char* once : {"To", "Subject", "From", "Content-Type"}) {
    const auto given =
        std::count_if(letter.fields.begin(), letter.fields.end(),
                      [&](const Letter::Field& field) { return base::iequals(field.name, once); });
    const auto found = std::count_if(names.begin(), names.end(), [&](const std::string& name) {
      return base::iequals(name, once);
    });
    require(found <= std::max<std::ptrdiff_t>(given, 1), "ours stands beside no field of theirs");
  }
}

void check_destinations(const Letter& letter) {
  const auto result = reader::expand_addresses(letter, {});
  if (!result) {
    const auto& words = result.error().text;
    require(std::none_of(words.begin(), words.end(), base::control), "an error shows no control");
    return;
  }
  for (const auto& address : result.value().addresses) {
    require(!address.empty() && address[0] != '-', "no recipient is an option");
    require(std::none_of(address.begin(), address.end(), base::control),
            "no recipient holds a control");
    require(reader::destination_of(address) == reader::Destination::person || address[0] == '"',
            "no recipient is a file or a command");
  }
  require(result.value().files.empty() && result.value().commands.empty(),
          "files and commands are off");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  auto letter = letter_of(text);
  check_header(letter);
  if (reader::adopt_fields(letter)) check_header(letter);
  check_destinations(letter);
  Letter from_template;
  const auto header = reader::template_header_size(text);
  require(header <= text.size(), "a template's header lies in it");
  if (reader::read_template(text.substr(0, header), from_template)) {
    check_header(from_template);
    check_destinations(from_template);
  }
  return 0;
}
