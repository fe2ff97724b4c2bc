// virtual.cpp - the virtual table: the first line is an address that is looked up in the rest.
#include "spool/virtual.h"

#include <string>
#include <variant>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = text_of(data, size);
  const auto address = rfc::Path::parse(base::take(text, '\n'));
  const auto table = spool::Virtual::parse("t", text);
  for (const auto& mistake : table.mistakes())
    require(mistake.starts_with("t:") && base::printable(mistake) == mistake,
            "a mistake is one printable line");
  if (!address || !address.value().qualified()) return 0;
  const auto found = table.find(address.value(), true);
  require(found || !table.mistakes().empty() || address.value().text().size() > 100,
          "a table without mistakes answers");
  if (!found || !found.value()) return 0;
  if (const auto* error = std::get_if<spool::ToNowhere>(&*found.value())) {
    require(error->status.category == 5 && base::printable(error->text) == error->text,
            "an error is permanent and printable");
    return 0;
  }
  for (const auto& path : std::get<std::vector<rfc::Path>>(*found.value())) {
    require(!path.null(), "an address is none without text");
    const char first = path.text()[0];
    const bool command = first == '|' || first == '/' || first == ':';
    require(path.qualified() || !command || text.find('%') != std::string_view::npos,
            "no command and no file comes of it");
  }
  return 0;
}
