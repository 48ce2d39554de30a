// A host application's page with EmbeddedChat on it, logged in with the JWT that the page was served with.

import { EmbeddedChat } from '@embeddedchat/react';
import { createRoot } from 'react-dom/client';

const { host, jwt } = JSON.parse(document.getElementById('settings').textContent);
const auth = { flow: 'TOKEN', credentials: { service: 'hostapp', access_token: jwt } };

createRoot(document.getElementById('chat')).render(<EmbeddedChat host={host} roomId="GENERAL" channelName="general" auth={auth} />);
