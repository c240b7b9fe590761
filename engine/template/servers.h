#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "engine/template/simplestreams.h"

namespace lodge {

class Host;

// TemplateServer is a server of root filesystems, as template-servers.cfg names it (the format of
// storage.cfg: "simplestreams: images", then "url …", "keyring …").
struct TemplateServer {
    std::string id;        // "images"
    std::string url;       // without a final slash
    std::string keyring;   // of gpgv; "" takes the index as the server gives it by HTTPS
    bool trusted = false;  // "unsigned 1": also by plain HTTP
};

// Those of the file and, unless it names one of its own, `images`: linuxcontainers.org.
std::vector<TemplateServer> template_servers(const Host& host);
// Throws Error(Exit::not_found), naming those there are.
TemplateServer template_server(const Host& host, std::string_view id);

// Asks the server for all that it has, with signatures verified when it has a keyring. Throws
// Error(Exit::refused) for a bad or missing signature, or when nothing vouches for the answer.
std::vector<StreamTemplate> fetch_stream_templates(Work& work, const TemplateServer& server);

// What the server had when it was last asked.
struct KnownTemplates {
    std::vector<StreamTemplate> templates;
    int64_t asked = 0;  // Unix time, seconds
};
std::optional<KnownTemplates> known_templates(const Host& host, const std::string& server);
void keep_templates(const Host& host, const std::string& server,
                    const std::vector<StreamTemplate>& templates);

}  // namespace lodge
