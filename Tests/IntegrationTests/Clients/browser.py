# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Uses the console as a person does, in headless Chromium.

    browser.py SERVER GATE SCREENSHOTS

Takes commands from standard input, one a line, and answers each with one line of JSON:

    open            loads the overview; {"gates": [names], "on": whether GATE is on, "errors": [of the browser's console]}
    toggle REASON   switches GATE with the switch on the overview; {"notice", "on"}
    live NAME UNIT VALUE   waits until the page, without being loaded again, shows that UNIT got VALUE of NAME; {"rows": number}
    state TEXT      waits until the live panel says TEXT; {"state", "errors": [until then]}
    rollout NUMBER  sets the rollout on GATE's page; {"notice", "history": [entries]}
    plain REASON    the same as open, toggle and live, with scripts switched off; {"gates", "notice", "on", "events"}
    fleet           loads the page Fleet; {"summary", "errors"}
    behind NAME     waits until that page, without being loaded again, names an instance that is behind; {"focus stayed", "spoken"}
    shots           saves screenshots of all pages, wide and narrow, two of them dark; {"files", "overflowing": [pages]}
"""

import base64
import json
import os
import sys
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

WAIT_SECONDS = 60


def find(names):
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for name in names:
            if os.access(os.path.join(folder, name), os.X_OK):
                return os.path.join(folder, name)
    sys.exit("There is no %s on PATH; `make test` installs it." % names[0])


class Browser:
    def __init__(self, server, gate, folder, scripts=True):
        self.server, self.gate, self.folder = server, gate, folder
        options = webdriver.ChromeOptions()
        options.binary_location = find(["chromium", "chromium-browser", "google-chrome"])
        for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
            options.add_argument("--" + argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(service=Service(find(["chromedriver"])), options=options)
        self.resize(1360, 900)

    def resize(self, width, height, scheme="light"):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def wait(self, condition, what):
        """Waits for a condition; that the driver cannot say, in the middle of a change of pages, is no answer."""
        waiting = WebDriverWait(
            self.driver, WAIT_SECONDS, poll_frequency=0.05, ignored_exceptions=[WebDriverException]
        )
        return waiting.until(lambda _: condition(), what)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def notice(self):
        return self.text(".notice")

    def submit(self, button):
        """Sends a form, and waits for the page that follows."""
        before = self.driver.find_element(By.TAG_NAME, "html")
        button.click()
        self.wait(lambda: staleness_of(before)(self.driver), "the next page")
        self.wait(lambda: self.all(".notice") and self.all("footer"), "a notice after the form")

    def load(self, path):
        self.driver.get(self.server + path)

    def switch(self):
        row = "//tr[th/a[text()='%s']]" % self.gate
        return self.driver.find_element(By.XPATH, row + "//button[contains(@class,'switch')]")

    def is_on(self):
        return "on" in self.switch().get_attribute("class").split()

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def open(self):
        self.load("/")
        gates = [each.text for each in self.all("section[aria-labelledby=section-gates] tbody th a")]
        return {"gates": gates, "on": self.is_on(), "errors": self.errors()}

    def toggle(self, reason):
        button = self.switch()
        button.click()
        form = self.driver.find_element(By.ID, button.get_attribute("popovertarget"))
        self.wait(form.is_displayed, "the form that asks for the reason")
        form.find_element(By.NAME, "reason").send_keys(reason)
        self.submit(form.find_element(By.CSS_SELECTOR, "button[type=submit]"))
        return {"notice": self.notice(), "on": self.is_on()}

    def live(self, argument):
        name, unit, value = argument.split(" ")
        # Fetched with the page, or come since: a form loads the page anew, and the exposure may be quicker.
        xpath = "//tr[td/a[text()='%s']][td/span[text()='%s']][td/span[text()='%s']]" % (name, unit, value)
        self.wait(lambda: self.driver.find_elements(By.XPATH, xpath), "an exposure of %s to %s" % (name, unit))
        self.screenshot("live-panel")
        return {"rows": len(self.all("[data-live-rows] tr"))}

    def state(self, text):
        self.wait(lambda: self.text("[data-live-state]") == text, "the live panel to say " + text)
        # What the browser says of a server that is gone belongs to this page, not to the ones that follow.
        return {"state": self.text("[data-live-state]"), "errors": self.errors()}

    def rollout(self, number):
        self.load("/gates/" + urllib.parse.quote(self.gate, safe=""))
        field = self.all("form.rollout input[name=percent]")[-1]
        field.clear()
        field.send_keys(number)
        self.all("form.rollout input[name=reason]")[-1].send_keys("rolled out by the browser test")
        self.submit(self.all("form.rollout button[type=submit]")[-1])
        return {"notice": self.notice(), "history": [each.text for each in self.all(".history > li")]}

    def plain(self, reason):
        other = Browser(self.server, self.gate, self.folder, scripts=False)
        try:
            opened = other.open()
            toggled = other.toggle(reason)
            other.load("/live")
            events = len(other.all("[data-live-rows] tr"))
            other.screenshot("live-without-scripts")
            return {"gates": opened["gates"], "notice": toggled["notice"], "on": toggled["on"], "events": events}
        finally:
            other.driver.quit()

    def fleet(self):
        self.load("/fleet")
        return {"summary": self.text("[data-refresh-summary]"), "errors": self.errors()}

    def behind(self, name):
        self.driver.execute_script("document.querySelector('[data-refresh-pause]').focus()")
        xpath = "//section[@aria-labelledby='behind-title']//th[contains(.,'%s')]" % name
        self.wait(lambda: self.driver.find_elements(By.XPATH, xpath), "an instance that is behind")
        focused = self.driver.switch_to.active_element.get_attribute("data-refresh-pause")
        return {"focus stayed": focused is not None, "spoken": self.text("p.hidden[role=status]")}

    def shots(self):
        self.load("/")
        links = {each.get_attribute("href") for each in self.all("th a")}
        pages = {name: "%s/%s" % (self.server, name) for name in ("live", "fleet", "audit")}
        pages["overview"] = self.server + "/"
        pages |= {link[len(self.server) + 1 :].replace("/", "-"): link for link in links}
        files, overflowing = [], []
        for name, link in sorted(pages.items()):
            looks = [(1360, "light"), (360, "light")] + ([(1360, "dark")] if name in ("overview", "live", "fleet") else [])
            for width, scheme in looks:
                self.resize(width, 900, scheme)
                self.driver.get(link)
                size = "document.documentElement.scroll%s"
                if self.driver.execute_script("return " + size % "Width") > width:
                    overflowing.append("%s at %d" % (name, width))
                height = self.driver.execute_script("return " + size % "Height")
                files.append(self.screenshot("%s-%d-%s" % (name, width, scheme), width, min(height, 4000)))
        self.resize(1360, 900)
        return {"files": len(files), "overflowing": overflowing}

    def screenshot(self, name, width=1360, height=900):
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = {"captureBeyondViewport": True, "clip": clip}
        png = self.driver.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]
        file = os.path.join(self.folder, "".join(c if c.isalnum() or c in "-_" else "_" for c in name) + ".png")
        with open(file, "wb") as output:
            output.write(base64.b64decode(png))
        return file


def main():
    server, gate, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    browser = Browser(server, gate, folder)
    try:
        for line in sys.stdin:
            command, _, argument = line.rstrip("\n").partition(" ")
            call = getattr(browser, command)
            print(json.dumps(call(argument) if argument else call()), flush=True)
    finally:
        browser.driver.quit()


if __name__ == "__main__":
    main()
