#include "engine/container/oci.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/storage/ovf.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr size_t most_json = 4 << 20;
constexpr size_t most_members = 100000;
constexpr size_t block = 1 << 20;
constexpr int most_nested = 4;
constexpr std::string_view reference_name = "org.opencontainers.image.ref.name";

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    fail(Exit::refused, "cannot read the image {}: {}", printable(path), why);
}

// "sha256:<hex>" taken apart; it becomes a path, so that nothing else is let through.
struct Digest {
    std::string algorithm, hex;
};
Digest parse_digest(const std::string& path, const std::string& text) {
    const auto colon = text.find(':');
    Digest digest{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
    const size_t length = digest.algorithm == "sha256"   ? 64
                          : digest.algorithm == "sha512" ? 128
                                                         : 0;
    const bool hex = std::all_of(digest.hex.begin(), digest.hex.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
    if (length == 0 || digest.hex.size() != length || !hex)
        refuse(path, fmt::format("'{}' is no digest that can be verified", printable(text)));
    return digest;
}

json parse_json(const std::string& path, const std::string& text, const std::string& what) {
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded() || !value.is_object())
        refuse(path, fmt::format("{} is not understood", what));
    return value;
}

// A value of an object, or nothing of the kind.
std::string text_of(const json& object, std::string_view key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
json part_of(const json& object, std::string_view key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found != object.end() ? *found : json(nullptr);
}
std::vector<std::string> texts_of(const json& object, std::string_view key) {
    std::vector<std::string> texts;
    const json list = part_of(object, key);
    if (!list.is_array()) return texts;
    for (const json& one : list)
        if (one.is_string()) texts.push_back(one.get<std::string>());
    return texts;
}

}  // namespace

struct BlobBytes::Sum {
    std::unique_ptr<EVP_MD_CTX, Owned<EVP_MD_CTX_free>> context{EVP_MD_CTX_new()};
};

BlobBytes::BlobBytes(const OciBlobs::Part& part, std::string digest)
    : file_(::open(part.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
      part_(part),
      digest_(std::move(digest)),
      buffer_(block),
      sum_(std::make_unique<Sum>()) {
    if (!file_) fail_errno(errno, "cannot read " + printable(part.path));
    const std::string algorithm = parse_digest(part.path, digest_).algorithm;
    if (!sum_->context || EVP_DigestInit_ex(sum_->context.get(),
                                            EVP_get_digestbyname(algorithm.c_str()), nullptr) != 1)
        fail(Exit::missing, "this machine cannot reckon {} sums", algorithm);
}

BlobBytes::~BlobBytes() = default;

size_t BlobBytes::next(const void*& bytes) {
    for (;;) {
        const auto wish = static_cast<size_t>(std::min<int64_t>(part_.length - taken_, block));
        if (wish == 0) return 0;
        const ssize_t got = ::pread(file_.get(), buffer_.data(), wish, part_.offset + taken_);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno(errno, "cannot read " + printable(part_.path));
        if (got == 0) refuse(part_.path, "it ends too early");
        taken_ += got;
        EVP_DigestUpdate(sum_->context.get(), buffer_.data(), static_cast<size_t>(got));
        bytes = buffer_.data();
        return static_cast<size_t>(got);
    }
}

void BlobBytes::finish() {
    const void* rest = nullptr;
    while (next(rest) > 0) {
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned size = 0;
    EVP_DigestFinal_ex(sum_->context.get(), sum.data(), &size);
    std::string hex;
    for (unsigned i = 0; i < size; ++i)
        hex += fmt::format("{:02x}", sum[i]);
    if (hex != parse_digest(part_.path, digest_).hex)
        refuse(part_.path, fmt::format("a part of it is not what it is said to be: its {} is {}, "
                                       "not {}",
                                       parse_digest(part_.path, digest_).algorithm, hex,
                                       digest_.substr(digest_.find(':') + 1)));
}

OciBlobs::OciBlobs(const std::string& path) : path_(path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat facts {};
    if (!file || ::fstat(file.get(), &facts) != 0)
        fail_errno(errno, "cannot read the image " + printable(path));
    if (S_ISDIR(facts.st_mode)) return;
    archive_ = true;
    ArchiveReader reader(file.get(), "read the image " + printable(path));
    Member member;
    while (reader.next(member)) {
        std::string name = member.path;
        while (name.rfind("./", 0) == 0)
            name.erase(0, 2);
        if (member.kind != Member::Kind::file) continue;
        if (!is_member_name(name)) refuse(path, "its member '" + printable(name) + "' leads out");
        if (parts_.size() == most_members) refuse(path, "it has too many members");
        if (reader.bytes_unpacked() != reader.bytes_taken())
            refuse(path, "it is compressed as a whole; unpack it first (gunzip, unxz, unzstd)");
        const Part part{path, tar_data_offset(path, reader.header_position()), member.size};
        if (part.offset > facts.st_size || part.length > facts.st_size - part.offset)
            refuse(path, "it ends in the middle of '" + printable(name) + "'");
        parts_[name] = part;
    }
}

OciBlobs::Part OciBlobs::part(const std::string& name) const {
    if (archive_) {
        const auto found = parts_.find(name);
        if (found == parts_.end()) refuse(path_, "it has no " + printable(name));
        return found->second;
    }
    const std::string at = path_ + "/" + name;
    struct stat facts {};
    if (::stat(at.c_str(), &facts) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) refuse(path_, "it has no " + printable(name));
        fail_errno(errno, "cannot read " + printable(at));
    }
    if (!S_ISREG(facts.st_mode)) refuse(path_, printable(name) + " is no file");
    return {at, 0, facts.st_size};
}

OciBlobs::Part OciBlobs::blob(const std::string& text) const {
    const Digest digest = parse_digest(path_, text);
    return part(fmt::format("blobs/{}/{}", digest.algorithm, digest.hex));
}

namespace {

std::string read_all(ArchiveBytes& from, const std::string& path, size_t most) {
    std::string text;
    const void* bytes = nullptr;
    while (const size_t size = from.next(bytes)) {
        if (text.size() + size > most) refuse(path, "a description in it is too long");
        text.append(static_cast<const char*>(bytes), size);
    }
    return text;
}

}  // namespace

std::string OciBlobs::read(const std::string& digest, size_t most) const {
    BlobBytes bytes(blob(digest), digest);
    std::string text = read_all(bytes, path_, most);
    bytes.finish();
    return text;
}

std::string OciBlobs::read_name(const std::string& name, size_t most) const {
    // Nobody says what its digest is: reckoned for nothing.
    BlobBytes bytes(part(name), "sha256:" + std::string(64, '0'));
    return read_all(bytes, path_, most);
}

int64_t OciImage::size() const {
    int64_t sum = 0;
    for (const Layer& layer : layers)
        sum += layer.size;
    return sum;
}

bool is_oci_layout(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return false;
    if (S_ISDIR(facts.st_mode))
        return ::access((path + "/oci-layout").c_str(), F_OK) == 0 &&
               ::access((path + "/index.json").c_str(), F_OK) == 0;
    if (!S_ISREG(facts.st_mode)) return false;
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return false;
    try {
        ArchiveReader reader(file.get(), "look at " + printable(path));
        Member member;
        // What else stands in such an archive comes with these before or after it.
        for (int i = 0; i < 3 && reader.next(member); ++i) {
            std::string_view name = member.path;
            while (name.rfind("./", 0) == 0)
                name.remove_prefix(2);
            if (name == "oci-layout" || name == "index.json" || name.rfind("blobs/sha", 0) == 0)
                return true;
        }
    } catch (const Error&) {
        // No archive that we know; whoever opens it says so.
    }
    return false;
}

RootfsFacts facts_of_oci_config(std::string_view text) {
    const json all = json::parse(text, nullptr, false);
    if (all.is_discarded() || !all.is_object())
        fail(Exit::refused, "cannot read the image's configuration: it is not understood");
    const json config = part_of(all, "config");
    RootfsFacts facts;
    facts.arch = text_of(all, "architecture");
    if (facts.arch == "arm") facts.arch = "armhf";
    if (facts.arch == "386") facts.arch = "i386";
    facts.entrypoint = texts_of(config, "Entrypoint");
    for (std::string& word : texts_of(config, "Cmd"))
        facts.entrypoint.push_back(std::move(word));
    facts.environment = texts_of(config, "Env");
    facts.user = text_of(config, "User");
    facts.workdir = text_of(config, "WorkingDir");
    facts.stop_signal = text_of(config, "StopSignal");
    for (const auto& list : {facts.entrypoint, facts.environment,
                             std::vector{facts.user, facts.workdir, facts.stop_signal}})
        for (const std::string& one : list)
            if (one.find('\0') != std::string::npos)
                fail(Exit::refused, "cannot read the image's configuration: it holds a zero byte");
    return facts;
}

namespace {

std::string oci_arch(const std::string& arch) {
    if (arch == "armhf") return "arm";
    if (arch == "i386") return "386";
    return arch;
}

bool is_index(const json& entry) {
    const std::string type = text_of(entry, "mediaType");
    return type == "application/vnd.oci.image.index.v1+json" ||
           type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

// The manifest's descriptor in an index, and in the index that it may name.
json choose(const OciBlobs& blobs, const json& index, const std::string& reference,
            const std::string& arch, int depth) {
    const json list = part_of(index, "manifests");
    if (!list.is_array() || list.empty()) refuse(blobs.path(), "its index names no image");
    std::vector<json> fitting;
    std::vector<std::string> names;
    for (const json& entry : list) {
        const std::string name = text_of(part_of(entry, "annotations"), reference_name);
        if (!name.empty()) names.push_back(printable(name));
        const json platform = part_of(entry, "platform");
        const std::string machine = text_of(platform, "architecture");
        const std::string system = text_of(platform, "os");
        if (!reference.empty() && name != reference) continue;
        if ((!machine.empty() && machine != oci_arch(arch)) ||
            (!system.empty() && system != "linux"))
            continue;
        fitting.push_back(entry);
    }
    if (fitting.empty())
        refuse(blobs.path(),
               reference.empty()
                   ? fmt::format("it has no image for {} machines", arch)
                   : fmt::format("it has no image '{}' for {} machines{}{}", printable(reference),
                                 arch, names.empty() ? "" : "; there is ", join(names, ", ")));
    if (fitting.size() > 1 && depth == 0 && reference.empty() && names.size() > 1)
        refuse(blobs.path(), fmt::format("it has several images; name one with {}:TAG ({})",
                                         printable(blobs.path()), join(names, ", ")));
    const json& chosen = fitting.front();
    if (!is_index(chosen)) return chosen;
    if (depth == most_nested) refuse(blobs.path(), "its indexes name each other");
    return choose(
        blobs,
        parse_json(blobs.path(), blobs.read(text_of(chosen, "digest"), most_json), "an index"), "",
        arch, depth + 1);
}

}  // namespace

OciImage read_oci_image(const OciBlobs& blobs, const std::string& reference,
                        const std::string& arch) {
    const json index =
        parse_json(blobs.path(), blobs.read_name("index.json", most_json), "its index.json");
    const json chosen = choose(blobs, index, reference, arch, 0);
    const json manifest =
        parse_json(blobs.path(), blobs.read(text_of(chosen, "digest"), most_json), "its manifest");
    OciImage image;
    image.facts =
        facts_of_oci_config(blobs.read(text_of(part_of(manifest, "config"), "digest"), most_json));
    const json layers = part_of(manifest, "layers");
    if (!layers.is_array() || layers.empty()) refuse(blobs.path(), "it has no layers");
    for (const json& layer : layers) {
        const std::string digest = text_of(layer, "digest");
        image.layers.push_back({digest, blobs.blob(digest).length});
    }
    image.facts.title = printable(reference);
    return image;
}

}  // namespace lodge
