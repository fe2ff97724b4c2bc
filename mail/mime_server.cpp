#include "mail/mime_server.h"

#include <gmime/gmime.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "lib/base/text.h"
#include "mail/mime_wire.h"

namespace reader {

namespace {
using base::cat;
using base::Error;
using base::Kind;
using base::Result;

// What a hostile message may make of us: deeper nests are leaves, further parts are left out.
constexpr int deepest = 100;
constexpr std::size_t most_parts = 10'000;

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <typename Object>
using Ref = std::unique_ptr<Object, Unref>;

struct Free {
  void operator()(char* text) const { g_free(text); }
};
using Text = std::unique_ptr<char, Free>;

std::string_view view(const char* text) { return text ? std::string_view(text) : ""; }

// A stream over a descriptor that stays its owner's.
Ref<GMimeStream> stream_of(int descriptor) {
  Ref<GMimeStream> stream(g_mime_stream_fs_new(descriptor));
  g_mime_stream_fs_set_owner(GMIME_STREAM_FS(stream.get()), FALSE);
  return stream;
}

// The same for output, which may be a pipe and is never sought in.
Ref<GMimeStream> sink_of(int descriptor) {
  Ref<GMimeStream> stream(g_mime_stream_pipe_new(descriptor));
  g_mime_stream_pipe_set_owner(GMIME_STREAM_PIPE(stream.get()), FALSE);
  return stream;
}

Result<Ref<GMimeMessage>> parsed(int descriptor) {
  const auto stream = stream_of(descriptor);
  const Ref<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  g_mime_parser_set_persist_stream(parser.get(), TRUE);
  Ref<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
  if (!message) return Error{Kind::data, "message: it cannot be read"};
  return message;
}

struct Type {
  std::string whole;  // lower-case
  bool is(std::string_view type) const { return whole == type; }
  bool within(std::string_view prefix) const { return whole.starts_with(prefix); }
};

Type type_of(GMimeObject* object) {
  const Text text(g_mime_content_type_get_mime_type(g_mime_object_get_content_type(object)));
  return {base::lowered(view(text.get()))};
}

// Text that people can read as it is.
bool readable(const Type& type) {
  return type.within("text/") || type.is("message/delivery-status") ||
         type.is("message/disposition-notification") || type.is("message/feedback-report");
}

bool said_to_be_attached(GMimeObject* object) {
  return base::iequals(view(g_mime_object_get_disposition(object)), "attachment");
}

std::string name_of(GMimeObject* object) {
  const auto name = view(g_mime_object_get_content_disposition_parameter(object, "filename"));
  if (!name.empty()) return std::string(name);
  return std::string(view(g_mime_object_get_content_type_parameter(object, "name")));
}

// Decoded, in its own charset.
void decode(GMimePart* part, GMimeStream* out) {
  if (GMimeDataWrapper* const content = g_mime_part_get_content(part))
    g_mime_data_wrapper_write_to_stream(content, out);
}

bool has_content(GMimePart* part) {
  const Ref<GMimeStream> stream(g_mime_stream_mem_new());
  decode(part, stream.get());
  const GByteArray* const bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return std::any_of(bytes->data, bytes->data + bytes->len,
                     [](guint8 c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
}

// Whether a person would find text of this kind in it ("text/" for any).
bool holds(GMimeObject* object, std::string_view wanted, int depth) {
  if (GMIME_IS_MULTIPART(object) && depth < deepest) {
    GMimeMultipart* const parts = GMIME_MULTIPART(object);
    for (int i = 0; i < g_mime_multipart_get_count(parts); ++i)
      if (holds(g_mime_multipart_get_part(parts, i), wanted, depth + 1)) return true;
    return false;
  }
  return GMIME_IS_PART(object) && type_of(object).within(wanted) && !said_to_be_attached(object) &&
         has_content(GMIME_PART(object));
}

// The alternative that is read: plain text, else HTML, else any text.
int best_alternative(GMimeMultipart* parts) {
  for (const std::string_view wanted : {"text/plain", "text/html", "text/"})
    for (int i = 0; i < g_mime_multipart_get_count(parts); ++i)
      if (holds(g_mime_multipart_get_part(parts, i), wanted, 0)) return i;
  return 0;
}

// Writes the texts of a message's shown parts to `answer`, then the list of all its parts.
class Lister {
 public:
  explicit Lister(int answer) : answer_(stream_of(answer)) {}

  void list(GMimeMessage* message) {
    GMimeObject* const top = g_mime_message_get_mime_part(message);
    if (top) visit(top, "", 0, true);
  }

  // Where the list begins. Errors: io.
  Result<std::uint64_t> finish() {
    const auto start = static_cast<std::uint64_t>(g_mime_stream_tell(answer_.get()));
    const std::string list =
        cat(WireWriter().number(count_).number(truncated_).take(), parts_.take());
    if (g_mime_stream_write(answer_.get(), list.data(), list.size()) !=
        static_cast<ssize_t>(list.size()))
      return Error{Kind::io, "answer: it cannot be written"};
    return start;
  }

 private:
  struct Place {
    std::uint64_t offset = 0, length = 0;
  };

  void visit(GMimeObject* object, const std::string& number, int depth, bool shown) {
    if (count_ >= most_parts) {
      truncated_ = true;
      return;
    }
    if (GMIME_IS_MULTIPART(object) && depth < deepest) {
      add(object, number, depth, true, false);
      children(GMIME_MULTIPART(object), number, depth, shown);
    } else if (GMIME_IS_MESSAGE_PART(object) && depth < deepest) {
      message(GMIME_MESSAGE_PART(object), number, depth, shown && !said_to_be_attached(object));
    } else {
      const bool text = GMIME_IS_PART(object) && readable(type_of(object));
      add(object, number, depth, false, shown && text && !said_to_be_attached(object));
    }
  }

  void children(GMimeMultipart* parts, const std::string& number, int depth, bool shown) {
    const Type type = type_of(GMIME_OBJECT(parts));
    int only = -1;  // the child that is shown; -1: all
    if (type.is("multipart/alternative")) only = shown ? best_alternative(parts) : 0;
    if (type.is("multipart/related") || type.is("multipart/signed")) only = 0;
    for (int i = 0; i < g_mime_multipart_get_count(parts); ++i)
      visit(g_mime_multipart_get_part(parts, i), cat(number, number.empty() ? "" : ".", i + 1),
            depth + 1, shown && (only < 0 || only == i));
  }

  // The parts of a multipart message stand right below the message, as IMAP numbers them.
  void message(GMimeMessagePart* part, const std::string& number, int depth, bool shown) {
    add(GMIME_OBJECT(part), number, depth, true, shown);
    GMimeMessage* const inner = g_mime_message_part_get_message(part);
    GMimeObject* const top = inner ? g_mime_message_get_mime_part(inner) : nullptr;
    if (!top) return;
    const bool several = GMIME_IS_MULTIPART(top) && depth + 1 < deepest;
    if (several) children(GMIME_MULTIPART(top), number, depth, shown);
    else visit(top, cat(number, number.empty() ? "1" : ".1"), depth + 1, shown);
  }

  void add(GMimeObject* object, const std::string& number, int depth, bool container, bool shown) {
    const Type type = type_of(object);
    const std::string name = name_of(object);
    const auto parameter = [&](const char* wanted) {
      return view(g_mime_object_get_content_type_parameter(object, wanted));
    };
    const bool attached =
        said_to_be_attached(object) || (!container && !readable(type) && !name.empty());
    const auto place = container ? header(object, shown) : content(object, shown);
    ++count_;
    parts_.text(number).number(static_cast<std::uint64_t>(depth)).text(type.whole);
    parts_.text(parameter("charset")).text(encoding(object)).text(name);
    parts_.text(view(g_mime_object_get_header(object, "Content-Description")));
    parts_.number(container).number(attached).number(shown);
    parts_.number(size_).number(lines_).number(place.offset).number(place.length);
    parts_.number(base::iequals(parameter("format"), "flowed"));
    parts_.number(base::iequals(parameter("delsp"), "yes"));
  }

  static std::string_view encoding(GMimeObject* object) {
    if (!GMIME_IS_PART(object)) return "";
    return view(
        g_mime_content_encoding_to_string(g_mime_part_get_content_encoding(GMIME_PART(object))));
  }

  // Of a message in a message: its header is what is shown.
  Place header(GMimeObject* object, bool shown) {
    size_ = lines_ = 0;
    if (!shown || !GMIME_IS_MESSAGE_PART(object)) return {};
    GMimeMessage* const inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    if (!inner) return {};
    const Text text(g_mime_object_get_headers(GMIME_OBJECT(inner), nullptr));
    const auto offset = static_cast<std::uint64_t>(g_mime_stream_tell(answer_.get()));
    g_mime_stream_write_string(answer_.get(), text.get());
    return {offset, static_cast<std::uint64_t>(g_mime_stream_tell(answer_.get())) - offset};
  }

  Place content(GMimeObject* object, bool shown) {
    const Ref<GMimeStream> counter(g_mime_stream_null_new());
    g_mime_stream_null_set_count_newlines(GMIME_STREAM_NULL(counter.get()), TRUE);
    if (GMIME_IS_PART(object)) decode(GMIME_PART(object), counter.get());
    else g_mime_object_write_content_to_stream(object, nullptr, counter.get());
    size_ = GMIME_STREAM_NULL(counter.get())->written;
    lines_ = GMIME_STREAM_NULL(counter.get())->newlines;
    if (!shown) return {};
    const auto offset = static_cast<std::uint64_t>(g_mime_stream_tell(answer_.get()));
    decode(GMIME_PART(object), answer_.get());
    return {offset, size_};
  }

  Ref<GMimeStream> answer_;
  WireWriter parts_;
  std::uint64_t count_ = 0, size_ = 0, lines_ = 0;
  bool truncated_ = false;
};

GMimeObject* child(GMimeObject* object, int index) {
  if (GMIME_IS_MESSAGE_PART(object)) {
    GMimeMessage* const inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    GMimeObject* const top = inner ? g_mime_message_get_mime_part(inner) : nullptr;
    if (!top || !GMIME_IS_MULTIPART(top)) return index == 0 ? top : nullptr;
    object = top;
  }
  if (!GMIME_IS_MULTIPART(object)) return nullptr;
  GMimeMultipart* const parts = GMIME_MULTIPART(object);
  return index >= 0 && index < g_mime_multipart_get_count(parts)
             ? g_mime_multipart_get_part(parts, index)
             : nullptr;
}

GMimeObject* find(GMimeMessage* message, std::string_view number) {
  GMimeObject* object = g_mime_message_get_mime_part(message);
  // A message that is itself a message has its content as part 1 (see Lister).
  while (object && !number.empty()) {
    const auto index = base::to_number<int>(base::take(number, '.'));
    object = index ? child(object, *index - 1) : nullptr;
  }
  return object;
}

Result<> extract(int message_fd, std::string_view number, int output) {
  TRY_LET(message, parsed(message_fd));
  GMimeObject* const object = find(message.get(), number);
  if (!object) return Error{Kind::no_input, cat(number, ": no such part")};
  const auto stream = sink_of(output);
  ssize_t written = 0;
  if (GMIME_IS_PART(object)) {
    if (GMimeDataWrapper* const content = g_mime_part_get_content(GMIME_PART(object)))
      written = g_mime_data_wrapper_write_to_stream(content, stream.get());
  } else if (GMIME_IS_MESSAGE_PART(object)) {
    GMimeMessage* const inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    if (inner) written = g_mime_object_write_to_stream(GMIME_OBJECT(inner), nullptr, stream.get());
  } else {
    written = g_mime_object_write_content_to_stream(object, nullptr, stream.get());
  }
  if (written < 0 || g_mime_stream_flush(stream.get()) < 0)
    return base::system_error("part", "write", errno);
  return {};
}

Ref<GMimeObject> part_of(const Entity& entity, int descriptor) {
  const Ref<GMimeContentType> type(g_mime_content_type_parse(nullptr, entity.type.c_str()));
  Ref<GMimePart> part(g_mime_part_new());
  GMimeObject* const object = GMIME_OBJECT(part.get());
  g_mime_object_set_content_type(object, type.get());
  if (!entity.charset.empty())
    g_mime_object_set_content_type_parameter(object, "charset", entity.charset.c_str());
  const auto encoding = g_mime_content_encoding_from_string(entity.encoding.c_str());
  g_mime_part_set_content_encoding(part.get(), encoding);
  if (entity.attachment) {
    g_mime_object_set_disposition(object, "attachment");
    if (!entity.name.empty()) g_mime_part_set_filename(part.get(), entity.name.c_str());
    // Old readers look for the name here, and know RFC 2047 at best, whose words are short.
    GMimeParam* const name = g_mime_param_list_get_parameter(
        g_mime_content_type_get_parameters(g_mime_object_get_content_type(object)), "name");
    if (name && entity.name.size() < 45)
      g_mime_param_set_encoding_method(name, GMIME_PARAM_ENCODING_METHOD_RFC2047);
  }
  const auto stream = stream_of(descriptor);
  const Ref<GMimeDataWrapper> content(g_mime_data_wrapper_new_with_stream(
      stream.get(), entity.encoded ? encoding : GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(part.get(), content.get());
  return Ref<GMimeObject>(GMIME_OBJECT(part.release()));
}

// GMime would read it of a file that we have given up.
std::string boundary() {
  char random[18] = {};
  std::size_t got = 0;
  while (got < sizeof random)  // a signal may cut it short
    if (const auto more = ::getrandom(random + got, sizeof random - got, 0); more > 0)
      got += static_cast<std::size_t>(more);
  return cat("=_", base::base64(std::string_view(random, sizeof random)));
}

struct Source {
  Entity entity;
  base::Fd content;
};

Result<> build(const std::vector<Source>& sources, int output) {
  for (const auto& source : sources) ::lseek(source.content.number(), 0, SEEK_SET);
  Ref<GMimeObject> top = part_of(sources[0].entity, sources[0].content.number());
  if (sources.size() > 1) {
    const Ref<GMimeMultipart> mixed(g_mime_multipart_new_with_subtype("mixed"));
    g_mime_multipart_set_boundary(mixed.get(), boundary().c_str());
    g_mime_multipart_add(mixed.get(), top.get());
    for (std::size_t i = 1; i < sources.size(); ++i) {
      const auto part = part_of(sources[i].entity, sources[i].content.number());
      g_mime_multipart_add(mixed.get(), part.get());
    }
    top.reset(GMIME_OBJECT(g_object_ref(mixed.get())));
  }
  const auto stream = sink_of(output);
  if (g_mime_stream_write_string(stream.get(), "MIME-Version: 1.0\n") < 0 ||
      g_mime_object_write_to_stream(top.get(), nullptr, stream.get()) < 0 ||
      g_mime_stream_flush(stream.get()) < 0)
    return base::system_error("message", "write", errno);
  return {};
}

std::uint64_t size_of(const base::Fd& file) {
  struct stat status {};
  return ::fstat(file.number(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

using Before = void (*)(std::uint64_t size);

const Error malformed{Kind::software, "MIME helper: a malformed request"};

Result<std::string> answer_read(const Packet& packet) {
  if (packet.descriptors.size() != 2) return malformed;
  TRY_LET(message, parsed(packet.descriptors[0].number()));
  Lister lister(packet.descriptors[1].number());
  lister.list(message.get());
  TRY_LET(start, lister.finish());
  return WireWriter().number(start).take();
}

Result<std::string> answer_extract(const Packet& packet, WireReader& values) {
  const auto number = values.text();
  if (!number || packet.descriptors.size() != 2) return malformed;
  TRY(extract(packet.descriptors[0].number(), *number, packet.descriptors[1].number()));
  return std::string();
}

// The attachments come in packets of their own.
Result<std::string> answer_build(int channel, Packet packet, WireReader& values, Before before) {
  const auto count = values.number();
  auto text = read_entity(values);
  if (!count || !text || packet.descriptors.size() != 2) return malformed;
  std::vector<Source> sources;
  sources.push_back({std::move(*text), std::move(packet.descriptors[0])});
  for (std::uint64_t i = 0; i < *count; ++i) {
    TRY_LET(next, receive_packet(channel));
    if (!next || next->descriptors.size() != 1) return malformed;
    WireReader reader(next->values);
    const auto kind = reader.number();
    auto entity = read_entity(reader);
    if (!entity || *kind != ask_attachment) return malformed;
    sources.push_back({std::move(*entity), std::move(next->descriptors[0])});
  }
  std::uint64_t size = 0;
  for (const auto& source : sources) size += size_of(source.content);
  if (before) before(size);
  TRY(build(sources, packet.descriptors[1].number()));
  return std::string();
}

Result<std::string> answer(int channel, Packet packet, Before before) {
  const std::string bytes = std::move(packet.values);
  WireReader values(bytes);
  const auto what = values.number();
  if (what == ask_read) return answer_read(packet);
  if (what == ask_extract) return answer_extract(packet, values);
  if (what == ask_build) return answer_build(channel, std::move(packet), values, before);
  return malformed;
}
}  // namespace

Result<> serve_mime(int channel, void (*before)(std::uint64_t size)) {
  g_mime_init();
  for (;;) {
    TRY_LET(packet, receive_packet(channel));
    if (!packet) return {};
    if (before && !packet->descriptors.empty()) before(size_of(packet->descriptors[0]));
    const auto result = answer(channel, std::move(*packet), before);
    WireWriter reply;
    if (result) reply.number(0).text(result.value());
    else reply.number(static_cast<std::uint64_t>(result.error().kind)).text(result.error().text);
    TRY(send_packet(channel, reply.take(), {}));
  }
}

}  // namespace reader
