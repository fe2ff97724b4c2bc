#include "mail/options.h"

#include <doctest/doctest.h>

using reader::Invocation;
using Mode = reader::Invocation::Mode;
using Words = std::vector<std::string>;

namespace {
// /etc/hostname and report.txt are files here.
bool is_file(const std::string& path) {
  return path == "/etc/hostname" || path == "report.txt" || path == "X:y" || path == "a/b:c";
}

Invocation parsed(const Words& words, bool posixly_correct = false) {
  auto result = reader::parse_options(words, posixly_correct, is_file);
  REQUIRE_MESSAGE(result, words[0]);
  return std::move(result).value();
}

std::string refused(const Words& words) {
  const auto result = reader::parse_options(words, false, is_file);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == base::Kind::usage);
  return result.error().text;
}

Words paths(const Invocation& invocation) {
  Words out;
  for (const auto& attachment : invocation.attachments) out.push_back(attachment.path);
  return out;
}
}  // namespace

TEST_CASE("options: subject, recipients and their order among options") {
  const auto mail = parsed({"-s", "Hello World", "a@x", "b"});
  CHECK(mail.mode == Mode::send);
  CHECK(*mail.subject == "Hello World");
  CHECK(mail.to == Words{"a@x", "b"});
  CHECK(parsed({"a@x", "-s", "after"}).subject == "after");
  CHECK(parsed({"a@x", "-r", "me@x"}).from == "me@x");
  CHECK(parsed({"-s1", "-s", "2", "a"}).subject == "2");
  CHECK(parsed({"a@x", "-s", "after"}, true).to == Words{"a@x", "-s", "after"});
  CHECK(parsed({"-s", "s", "--", "-oQ/tmp"}).to == Words{"-oQ/tmp"});
  CHECK(parsed({"-ns", "s", "a"}).no_system_rc);
}

TEST_CASE("options: lists may repeat") {
  const auto mail = parsed({"-c", "a,b", "-c", "c", "-b", "d", "--bcc=e", "--to=f", "g"});
  CHECK(mail.cc == Words{"a,b", "c"});
  CHECK(mail.bcc == Words{"d", "e"});
  CHECK(mail.to == Words{"f", "g"});
  CHECK(parsed({"-b", "x"}).mode == Mode::send);
  CHECK(parsed({"--to", "-s", "x"}).from_header);
}

TEST_CASE("options: -a is a header field or a file, and nothing else") {
  CHECK(parsed({"-a", "X-Loop: foo", "a"}).fields == Words{"X-Loop: foo"});
  CHECK(parsed({"-a", "From:me", "a"}).fields == Words{"From:me"});
  CHECK(parsed({"-a", "X:y", "a"}).fields == Words{"X:y"});
  CHECK(paths(parsed({"-a", "/etc/hostname", "a"})) == Words{"/etc/hostname"});
  CHECK(paths(parsed({"-a", "a/b:c", "a"})) == Words{"a/b:c"});
  CHECK(refused({"-a", "/no/such:file", "a"}) ==
        "-a: '/no/such:file' is neither 'Name: value' nor a readable file");
  CHECK(refused({"-a", "junk", "a"}) == "-a: 'junk' is neither 'Name: value' nor a readable file");
  CHECK(refused({"-a", "X: a\nBcc: e", "a"}).starts_with("-a: 'X: a?Bcc: e'"));
  CHECK(refused({"-a", std::string("X: a\0b", 6), "a"}).starts_with("-a:"));
  const auto tail = parsed({"-a", "report.txt=latin1#utf-8", "a"});
  CHECK(tail.attachments[0].path == "report.txt");
  CHECK(tail.attachments[0].charset == "latin1");
}

TEST_CASE("options: -A and --attach are files always") {
  CHECK(paths(parsed({"-A", "report.txt", "--attach=/etc/hostname", "a"})) ==
        Words{"report.txt", "/etc/hostname"});
  CHECK(refused({"-A", "work", "a"}) ==
        "-A: 'work' is not a readable file; accounts are not known here");
  CHECK(refused({"--attach=nosuch", "a"}) == "--attach: 'nosuch' is not a readable file");
  const auto typed = parsed({"--content-type=image/png", "--content-filename=x.png", "-A",
                             "report.txt", "-A", "/etc/hostname", "a"});
  CHECK(typed.attachments[0].type == "image/png");
  CHECK(typed.attachments[0].name == "x.png");
  CHECK(typed.attachments[1].type.empty());
  CHECK(typed.attachments[1].name == "hostname");
  CHECK(parsed({"--content-type=text/html", "a"}).type == "text/html");
}

TEST_CASE("options: -E drops empty letters, or is a command of GNU mail") {
  CHECK(parsed({"-E", "-s", "x", "a"}).skip_empty);
  CHECK(parsed({"-Es", "x", "a"}).skip_empty);
  const auto fail2ban = parsed({"-E", "set escape", "-s", "[Fail2Ban] sshd", "root"});
  CHECK_FALSE(fail2ban.skip_empty);
  CHECK(fail2ban.to == Words{"root"});
  CHECK(fail2ban.variables == decltype(fail2ban.variables){{"escape", ""}});
  CHECK(parsed({"-E", "unset record", "a"}).unset == Words{"record"});
  CHECK(parsed({"-E", "set", "a"}).to == Words{"set", "a"});
  CHECK(parsed({"--exec=alias x y", "a"}).commands == Words{"alias x y"});
}

TEST_CASE("options: the dialects of -M, -q and -S") {
  CHECK(parsed({"-M", "text/html", "a"}).type == "text/html");
  CHECK(parsed({"-Mtext/html", "a"}).type == "text/html");
  CHECK(parsed({"-M", "jane@x", "a"}).to == Words{"jane@x", "a"});
  CHECK(parsed({"-q", "report.txt", "a"}).quoted_file == "report.txt");
  CHECK(parsed({"-q", "jane"}).to == Words{"jane"});
  CHECK(parsed({"-m", "report.txt", "a"}).body_file == "report.txt");
  const auto set = parsed({"-S", "from=me@x", "-Snosave", "-S", "debug", "a"});
  CHECK(set.variables == decltype(set.variables){{"from", "me@x"}, {"debug", ""}});
  CHECK(set.unset == Words{"save"});
  CHECK(parsed({"-:/", "a"}).no_user_rc);
  CHECK_FALSE(parsed({"-:u", "a"}).no_user_rc);
  CHECK(parsed({"-T", "x", "-#", "-D", "a"}).remarks.size() == 3);
  CHECK(parsed({"-X", "set x", "-Y", "p", "a"}).commands == Words{"set x"});
  CHECK(parsed({"-X", "set x", "-Y", "p", "a"}).session_commands == Words{"p"});
  CHECK(parsed({"-~", "a"}).escapes);
  CHECK(parsed({"-I", "a"}).interactive);
  CHECK(parsed({"-.", "-weird"}).to == Words{"-weird"});
}

TEST_CASE("options: reading") {
  CHECK(parsed({}).mode == Mode::read);
  for (const auto& words : {Words{"-fN", "box"}, Words{"-Nf", "box"}, Words{"-f", "-N", "box"},
                            Words{"-f", "box", "-N"}}) {
    const auto mail = parsed(words);
    CHECK(mail.mode == Mode::read);
    CHECK(mail.file_given);
    CHECK(mail.file == "box");
    CHECK(mail.no_summary);
  }
  CHECK(parsed({"--file=box"}).file == "box");
  CHECK(parsed({"-f"}).file.empty());
  CHECK(parsed({"-e"}).mode == Mode::exists);
  CHECK(parsed({"-H", "-f", "box"}).mode == Mode::headers);
  CHECK(parsed({"--user=jane"}).user == "jane");
  CHECK(parsed({"-R"}).read_only);
  CHECK(parsed({"-V"}).mode == Mode::version);
  CHECK(parsed({"--version"}).mode == Mode::version);
  CHECK(parsed({"--vers"}).mode == Mode::version);
  CHECK(parsed({"--help"}).mode == Mode::help);
  CHECK(parsed({"-p"}).session_commands == Words{"print *", "exit"});
}

TEST_CASE("options: what cannot be meant is refused") {
  CHECK(refused({"-Z", "a"}) == "-Z: unknown option");
  CHECK(refused({"--zzz"}) == "--zzz: unknown option");
  CHECK(refused({"--s=x", "a"}) == "--s: unknown option");  // of several names the beginning
  CHECK(refused({"-s"}) == "-s: needs a value");
  CHECK(refused({"--mime=x", "a"}) == "--mime: takes no value");
  CHECK(refused({"-s", "only"}) == "no recipient: give an address, or -t");
  CHECK(refused({"-f", "from", "-s", "x", "to"}) ==
        "-f reads a mailbox; for a sender's address use -r");
  CHECK(refused({"-e", "box"}) == "box: a file needs -f");
  CHECK(refused({"a\nb"}) == "a line end or NUL in an address");
  CHECK(refused({"-c", "a\rb", "x"}) == "-c: a line end or NUL in an address");
  CHECK(refused({"-r", "a\nb", "x"}) == "-r: a line end or NUL in an address");
}

TEST_CASE("options: a subject stays on its line") {
  CHECK(parsed({"-s", "a\r\nBcc: evil@x", "a"}).subject == "a  Bcc: evil@x");
  CHECK(parsed({"--subject=a\nb", "a"}).subject == "a b");
}
