// reply.cpp - what a hostile server answers.
#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "lib/rfc/status.h"
#include "tests/fuzz/require.h"

namespace {
void check_reply(const rfc::SmtpReply& reply) {
  require(reply.code >= 200 && reply.code < 600, "a reply has a code");
  const auto shown = reply.shown();
  require(std::none_of(shown.begin(), shown.end(), base::control), "shown holds no control");
  require(base::valid_utf8(shown), "shown is UTF-8");
  require(shown.size() <= 1000, "shown has at most 1000 bytes");
  require(shown.starts_with(base::cat(reply.code)), "shown begins with the code");
  const auto status = reply.status();
  require(reply.code / 100 == 3 || status.category == reply.code / 100, "the status fits the code");
  require(rfc::enhanced_status(status.text()) == status, "a status is read as it was written");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  rfc::ReplyReader reader;
  for (const auto line : base::split(text, '\n'))
    if (reader.feed(line) == rfc::ReplyReader::State::complete) check_reply(reader.take());
  if (const auto status = rfc::enhanced_status(text))
    require(rfc::enhanced_status(status->text()) == status, "a status is read as it was written");
  return 0;
}
