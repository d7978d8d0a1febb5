import type { Words } from "./words.ts";

/** French. */
export const french: Words = {
  contact: "la personne responsable de ce site",
  signInFailed: {
    title: "Connexion",
    refused: "Votre compte n’a pas accès à ce site",
    expired: [
      "Cette connexion a expiré",
      (goOn) =>
        `Une connexion doit être terminée en une demi-heure, et votre navigateur ne garde que les dernières. ${goOn("Continuer")} ; il faudra peut-être vous reconnecter. Si vous revenez toujours ici, votre navigateur bloque les cookies de ce site.`,
    ],
    cancelled: [
      "Vous n’êtes pas connecté",
      (again) =>
        `La connexion a été annulée, ou Microsoft ne vous a pas laissé continuer. ${again("Se connecter")}.`,
    ],
    entraUnavailable: [
      "La connexion de Microsoft est momentanément indisponible",
      (again) => `Cela ne vient ni de vous ni de ce site. ${again("Réessayez")} dans une minute.`,
    ],
    other: ["La connexion a échoué", (again) => `Cela ne vient pas de vous. ${again("Réessayer")}.`],
    quote: "Indiquez ceci si vous demandez de l’aide :",
  },
  footer: (domain, { emailDomains, byGroup, byRole }, signOut, contact) => {
    const conditions = [
      ...(emailDomains.length > 0 ? [`dont le compte se termine par ${emailDomains.join(" ou ")}`] : []),
      ...(byGroup ? ["qui font partie d’un groupe autorisé"] : []),
      ...(byRole ? ["qui y ont un rôle"] : []),
    ];
    return `${domain} est ouvert aux personnes ${conditions.join(" et ")}. Pour utiliser un autre compte, ${signOut("déconnectez-vous")} d’abord. Pour obtenir de l’aide, contactez ${contact}.`;
  },
  forbidden: (domain, by, start, signOut, contact) => ({
    title: `Accès refusé · ${domain}`,
    heading: `Votre compte n’a pas accès à cette partie de ${domain}`,
    paragraphs: [
      `Il faut ${by === "role" ? "un rôle que votre compte n’a pas" : "faire partie d’un groupe dont votre compte n’est pas membre"}. ${start("Aller à la page d’accueil")} ou, si vous avez un autre compte, ${signOut("déconnectez-vous")} et utilisez celui-là. Si vous devriez avoir accès, contactez ${contact} ; un nouvel accès prend effet à votre prochaine connexion.`,
    ],
  }),
  badRequest: (domain, start, contact) => ({
    title: `Adresse non valide · ${domain}`,
    heading: `${domain} n’accepte pas cette adresse`,
    paragraphs: [
      `Certaines parties de ce site sont restreintes. Cette adresse est ambiguë : à cause d’une barre oblique encodée ou doublée, d’un « ; » ou de « .. », elle pourrait aussi désigner l’une d’elles. ${start("Allez à la page d’accueil")} et cherchez la page à partir de là.`,
      `Si un lien ou un programme dont vous avez besoin mène ici, contactez ${contact} en indiquant l’adresse et le numéro ci-dessous.`,
    ],
  }),
  unavailable: (domain, contact) => ({
    title: `Indisponible · ${domain}`,
    heading: `${domain} est momentanément indisponible`,
    paragraphs: [
      `Cela ne vient pas de vous. Réessayez dans une minute. Si le problème persiste, contactez ${contact} en indiquant le numéro ci-dessous.`,
    ],
  }),
  blocked: (domain, contact) => ({
    title: `Accès retiré · ${domain}`,
    heading: `Votre accès à ${domain} a été retiré`,
    paragraphs: [
      `Votre compte est bloqué sur ce site et sur d’autres. Vous reconnecter n’y changera rien. Si vous pensez qu’il s’agit d’une erreur, contactez ${contact} en indiquant le numéro ci-dessous.`,
    ],
  }),
  expired: (domain, start, signOut, contact) => ({
    title: `Accès terminé · ${domain}`,
    heading: `Votre accès à cette partie de ${domain} a pris fin`,
    paragraphs: [
      `Il vous avait été accordé jusqu’à un jour qui est passé. Vous reconnecter n’y changera rien. ${start("Allez à la page d’accueil")} ou, si vous avez un autre compte, ${signOut("déconnectez-vous")} et utilisez celui-là. Si vous en avez encore besoin, contactez ${contact} en indiquant le numéro ci-dessous.`,
    ],
  }),
  tooMany: (domain, again, contact) => ({
    title: `Trop de connexions · ${domain}`,
    heading: "Trop de connexions depuis votre réseau",
    paragraphs: [
      `Attendez une minute et ${again("réessayez")}. Si cela vous arrive sans raison, contactez ${contact} en indiquant le numéro ci-dessous.`,
    ],
  }),
  maintenance: (domain, message, contact) => ({
    title: `Maintenance · ${domain}`,
    heading: `${domain} est fermé pour maintenance`,
    paragraphs: [message, `Pour toute question, contactez ${contact}.`],
  }),
  signedOut: (domain, signIn) => ({
    title: `Déconnecté · ${domain}`,
    heading: `Vous êtes déconnecté de ${domain}`,
    paragraphs: [signIn("Se reconnecter")],
  }),
  begin: (domain, signIn) => ({
    title: `Connexion · ${domain}`,
    heading: `Connexion à ${domain}`,
    paragraphs: [signIn("Se connecter")],
  }),
  signedIn: (domain, goOn) => ({
    title: `Connexion · ${domain}`,
    heading: `Vous êtes connecté à ${domain}`,
    paragraphs: [goOn("Continuer")],
  }),
  notSaved: (domain, signIn) => ({
    title: `Non enregistré · ${domain}`,
    heading: `Vous n’êtes plus connecté à ${domain}`,
    text: "Ce que vous venez d’envoyer n’a pas été enregistré. Votre navigateur l’a encore :",
    steps: [
      `${signIn("Connectez-vous")}, dans un nouvel onglet.`,
      "Revenez à cet onglet et rechargez-le. Si votre navigateur demande s’il doit renvoyer le formulaire, confirmez.",
    ],
  }),
};
