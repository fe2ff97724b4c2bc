// rewrite.cpp - senders of a header on its way out. The first byte chooses the settings.
#include "spool/rewrite.h"

#include <string>
#include <vector>

#include "lib/base/text.h"
#include "spool/header_fit.h"
#include "spool/mime.h"
#include "tests/fuzz/require.h"

namespace {
using spool::Rewriting;

spool::Generic table() {
  std::vector<std::string> mistakes;
  auto generic =
      spool::Generic::parse("t", "root me@out.test\n@lan.test @out.test\na@b x@y\n", mistakes);
  require(mistakes.empty(), "the table is right");
  return generic;
}

std::vector<std::string> fields(std::string_view header, bool without_ours) {
  std::vector<std::string> names;
  while (!header.empty()) {
    const auto field = spool::take_field(header);
    const std::string name = base::lowered(spool::name_of(field));
    const bool ours = name == "x-original-from" || name == "reply-to";
    if (!ours || !without_ours) names.push_back(name);
  }
  return names;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string header(text_of(data + 1, size - 1));
  if (!header.ends_with('\n')) header.push_back('\n');
  if (header.starts_with('\n') || header.find("\n\n") != std::string::npos) return 0;
  Rewriting rewriting;
  rewriting.mode = (data[0] & 1) != 0 ? Rewriting::Mode::always : Rewriting::Mode::foreign;
  if ((data[0] & 2) != 0) rewriting.from = rfc::Path::parse("f@out.test").value();
  if ((data[0] & 4) != 0) rewriting.generic = table();
  if ((data[0] & 8) != 0) rewriting.senders = {"@out.test"};
  rewriting.local_domains = {"lan.test"};
  rewriting.domain = "lan.test";
  const auto once = spool::rewritten_header(header, rewriting, (data[0] & 16) != 0);
  require(once.find("\n\n") == std::string::npos && once.ends_with('\n'), "the header goes on");
  require(fields(once, true) == fields(header, true), "no field comes or goes but our own");
  if (!rewriting.any()) require(once == header, "nothing changes where nothing is to");
  const auto fitted = spool::fit_header(header, true);
  require(fitted.text.find('\0') == std::string::npos, "no NUL is left");
  if (fitted.address) return 0;  // it is not sent
  require(fields(fitted.text, false).size() == fields(header, false).size(),
          "a header made to fit has its fields");
  return 0;
}
