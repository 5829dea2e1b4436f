// Opens bundles as export/BUNDLE.md says, without Python and without loading a program.
//
//   bundle_reader SCHEMA [--key PUBLIC.pem] BUNDLE...
//
// Prints a line for each folder or archive: "sound", or the reason for which it is refused, in the words of BUNDLE.md.
// With a key and built without libcrypto: "signature not checked". Exit status 2 when SCHEMA or the key cannot be read.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "json_schema.h"
#include "sha256.h"
#ifdef PEN_LIBCRYPTO
#include <openssl/evp.h>
#include <openssl/pem.h>
#endif

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 64, kMaxBytes = size_t{1} << 30, kMaxManifest = 1 << 20, kMaxSeal = 128, kMaxSignature = 80;
const std::string kManifest = "manifest.json", kSeal = kManifest + ".sha256", kSignature = kManifest + ".sig";

struct Refused {
  std::string reason;
};

void need(bool condition, const char *reason) {
  if (!condition) throw Refused{reason};
}

// Plain files by name, and everything that lies beside them.
struct Files {
  std::map<std::string, std::string> plain;
  std::set<std::string> names;

  const std::string &read(const std::string &name) const {
    const auto found = plain.find(name);
    need(found != plain.end(), "missing");
    return found->second;
  }
};

std::string read_file(const fs::path &path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

// ---- archives

uint32_t crc32(const std::string &bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

std::string little(uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

uint64_t number_at(const std::string &bytes, size_t place, int count) {
  uint64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[place + i]);
  return value;
}

// The bytes of the archive that holds these files, as BUNDLE.md says under Archive.
std::string packed(const std::map<std::string, std::string> &files) {
  std::string content, list;
  for (const auto &[name, bytes] : files) {
    // flags, method, time, date (1980-01-01), CRC, both sizes, length of the name, no extra field
    const std::string common = little(0, 2) + little(0, 2) + little(0, 2) + little(33, 2) + little(crc32(bytes), 4) +
                               little(bytes.size(), 4) + little(bytes.size(), 4) + little(name.size(), 2) + little(0, 2);
    list += "PK\1\2" + little(20, 1) + little(3, 1) + little(20, 2) + common + little(0, 6) +
            little(uint64_t{0644} << 16, 4) + little(content.size(), 4) + name;
    content += "PK\3\4" + little(20, 2) + common + name + bytes;
  }
  return content + list + "PK\5\6" + little(0, 4) + little(files.size(), 2) + little(files.size(), 2) +
         little(list.size(), 4) + little(content.size(), 4) + little(0, 2);
}

// Follow the headers from the first byte on; what differs by one byte from packing the files again is no archive.
Files unpacked(const std::string &archive) {
  Files files;
  size_t place = 0;
  while (archive.compare(place, 4, "PK\3\4") == 0 && archive.size() - place > 30 && files.names.size() <= kMaxFiles) {
    const size_t size = number_at(archive, place + 18, 4), length = number_at(archive, place + 26, 2);
    need(archive.size() - place - 30 >= size + length, "archive");
    const std::string name = archive.substr(place + 30, length);
    need(JsonSchema::matches(Text(name.begin(), name.end()), L"^[a-z0-9][a-z0-9_.-]{0,63}$"), "archive");
    files.plain[name] = archive.substr(place + 30 + length, size);
    files.names.insert(name);
    place += 30 + length + size;
  }
  need(files.names.size() <= kMaxFiles && packed(files.plain) == archive, "archive");
  return files;
}

Files files_of(const fs::path &path) {
  if (!fs::is_directory(path)) return unpacked(read_file(path));
  Files files;
  for (const auto &entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    files.names.insert(name);
    need(files.names.size() <= kMaxFiles + 3, "names");
    if (entry.symlink_status().type() != fs::file_type::regular) continue;
    need(entry.file_size() <= kMaxBytes, "size");
    files.plain[name] = read_file(entry.path());
  }
  return files;
}

// ---- signature

#ifdef PEN_LIBCRYPTO
constexpr bool kChecksSignatures = true;

struct Key {
  explicit Key(const std::string &pem) {
    BIO *memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    key = PEM_read_bio_PUBKEY(memory, nullptr, nullptr, nullptr);
    BIO_free(memory);
    char group[32] = "";
    if (key == nullptr || EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1 || std::string(group) != "prime256v1") {
      throw std::runtime_error("the key is no PEM public key on P-256");
    }
  }
  ~Key() { EVP_PKEY_free(key); }
  Key(const Key &) = delete;
  Key &operator=(const Key &) = delete;

  bool signed_these(const std::string &content, const std::string &signature) const {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool right =
        EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) == 1 &&
        EVP_DigestVerify(context, reinterpret_cast<const unsigned char *>(signature.data()), signature.size(),
                         reinterpret_cast<const unsigned char *>(content.data()), content.size()) == 1;
    EVP_MD_CTX_free(context);
    return right;
  }

  EVP_PKEY *key = nullptr;
};
#else
constexpr bool kChecksSignatures = false;

struct Key {
  explicit Key(const std::string &) {}
  bool signed_these(const std::string &, const std::string &) const { return true; }
};
#endif

// ---- manifest

size_t size_of(const Json &number) { return static_cast<size_t>(number.value); }

std::string file_name(const Json &text) { return {text.characters.begin(), text.characters.end()}; }

bool all_different(const std::vector<Json> &items, const Text &member = L"") {
  std::set<Text> seen;
  for (const Json &item : items) seen.insert(member.empty() ? item.characters : item[member].characters);
  return seen.size() == items.size();
}

bool agrees_about_targets(const Json &manifest) {
  const auto &names = manifest[L"targets"].items, &range = manifest[L"label_range"].items;
  return all_different(names) && names.size() == size_of(manifest[L"head"][L"target_count"]) && range[0].value < range[1].value;
}

bool names_only_listed_files(const Json &manifest) {
  const Json &head = manifest[L"head"];
  const auto &listed = manifest[L"files"].members;
  const Json *named[] = {&head[L"file"], &head[L"head_parameters"], &manifest[L"golden"][L"file"], &manifest[L"store_schema"],
                         &manifest[L"backbone"][L"file"], &manifest[L"face"][L"file"]};
  return std::all_of(std::begin(named), std::end(named), [&](const Json *name) {
    return name->kind == Json::null || listed.count(name->characters) > 0;
  });
}

size_t rows_of(const Json &head) { return size_of(head[L"expert_count"]) * (1 + size_of(head[L"target_count"])); }

bool trains_its_head(const Json &head) {
  const double shape[] = {1, static_cast<double>(rows_of(head)), head[L"feature_size"].value + 1};
  for (const Json &part : head[L"train"].items) {
    for (const Json &tensor : part[L"state"].items) {
      double bytes = 4;
      for (const Json &length : tensor[L"shape"].items) bytes *= length.value;
      if (bytes > kMaxBytes) return false;
    }
    const auto &first = part[L"state"].items[0][L"shape"].items;
    if (!std::equal(first.begin(), first.end(), std::begin(shape), std::end(shape),
                    [](const Json &found, double expected) { return found.value == expected; })) {
      return false;
    }
  }
  return all_different(head[L"train"].items, L"optimizer");
}

bool carries_what_it_adapts_by(const Json &manifest) {
  const Json &head = manifest[L"head"], &plan = manifest[L"adaptation"];
  const auto &train = head[L"train"].items;
  const bool optimizer = std::any_of(train.begin(), train.end(), [&](const Json &part) { return part[L"optimizer"] == plan[L"optimizer"]; });
  return optimizer && (plan[L"strategy"].characters != L"prior" || head[L"adapt"].kind == Json::object);
}

bool programs_are_of_the_runtime(const Json &manifest) {
  const Json &head = manifest[L"head"];
  std::vector<Json> programs = head[L"train"].items;
  for (const Json *one : {&manifest[L"backbone"], &manifest[L"face"], &head[L"predict"], &head[L"adapt"]}) programs.push_back(*one);
  const bool apple = manifest[L"runtime"].characters == L"coreml";
  return std::all_of(programs.begin(), programs.end(), [&](const Json &one) {
    return one.kind == Json::null || (one[L"coreml"].kind == Json::object) == apple;
  });
}

bool features_fit(const Json &manifest) {
  const Json &backbone = manifest[L"backbone"], &face = manifest[L"face"];
  if (backbone.kind == Json::null) return face.kind == Json::null;
  return backbone[L"feature_size"] == manifest[L"head"][L"feature_size"] &&
         (face.kind == Json::null || backbone[L"crop"][L"detector"].characters == L"blazeface");
}

Json read_manifest(const std::string &content, const JsonSchema &schema) {
  Json manifest;
  try {
    manifest = JsonParser::parse(content);
  } catch (const NoJson &) {
    throw Refused{"json"};
  }
  need(manifest.kind != Json::object || (manifest[L"schema_version"].kind == Json::number && manifest[L"schema_version"].value == 2), "version");
  need(schema.fits(manifest), "schema");
  const bool model = manifest[L"model"].kind != Json::null, serial = manifest[L"serial"].kind != Json::null;
  need(agrees_about_targets(manifest) && names_only_listed_files(manifest) && trains_its_head(manifest[L"head"]) &&
           carries_what_it_adapts_by(manifest) && programs_are_of_the_runtime(manifest) && features_fit(manifest) && model == serial,
       "disagree");
  return manifest;
}

// ---- opening, in the order of BUNDLE.md

const std::string &read_small(const Files &files, const std::string &name, size_t limit) {
  const std::string &content = files.read(name);
  need(content.size() <= limit, "large");
  return content;
}

void check_files(const Files &files, const Json &manifest) {
  const auto &listed = manifest[L"files"].members;
  double bytes = 0;
  for (const auto &[name, part] : listed) bytes += part[L"bytes"].value;
  need(bytes <= kMaxBytes, "names");
  for (const auto &name : files.names) {
    const bool own = name == kManifest || name == kSeal || name == kSignature;
    need(own != (listed.count(Text(name.begin(), name.end())) > 0), "names");
  }
  for (const auto &[name, part] : listed) files.read({name.begin(), name.end()});
  if (files.names.count(kSignature) > 0) read_small(files, kSignature, kMaxSignature);
  for (const auto &[name, part] : listed) {
    const std::string &content = files.read({name.begin(), name.end()});
    need(content.size() == size_of(part[L"bytes"]), "size");
    need(sha256_hex(content) == file_name(part[L"sha256"]), "hash");
  }
}

void open_bundle(const fs::path &path, const JsonSchema &schema, const std::optional<Key> &key) {
  const Files files = files_of(path);
  const std::string &content = read_small(files, kManifest, kMaxManifest);
  if (key) {
    need(files.names.count(kSignature) > 0, "unsigned");
    need(key->signed_these(content, read_small(files, kSignature, kMaxSignature)), "signature");
  }
  need(read_small(files, kSeal, kMaxSeal) == sha256_hex(content) + "  " + kManifest + "\n", "seal");
  const Json manifest = read_manifest(content, schema);
  check_files(files, manifest);
  const Json &head = manifest[L"head"];
  const size_t expected = 4 * rows_of(head) * (size_of(head[L"feature_size"]) + 1);
  need(files.read(file_name(head[L"head_parameters"])).size() == expected, "parameters");
}

std::string answer(const fs::path &path, const JsonSchema &schema, const std::optional<Key> &key) {
  try {
    open_bundle(path, schema, key);
    return key && !kChecksSignatures ? "signature not checked" : "sound";
  } catch (const Refused &refused) {
    return refused.reason;
  }
}

}  // namespace

int main(int count, char **arguments) {
  try {
    std::vector<std::string> words(arguments + 1, arguments + count);
    if (words.empty()) throw std::runtime_error("usage: bundle_reader SCHEMA [--key PUBLIC.pem] BUNDLE...");
    const JsonSchema schema(JsonParser::parse(read_file(words[0])));
    const bool keyed = words.size() > 2 && words[1] == "--key";
    std::optional<Key> key;
    if (keyed) key.emplace(read_file(words[2]));
    for (size_t i = keyed ? 3 : 1; i < words.size(); ++i) std::cout << answer(words[i], schema, key) << "\n";
    return 0;
  } catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << "\n";
    return 2;
  }
}
